package control

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Inspect says whether a Temporal server has the namespace (it is an error when
// not) and all the named keyword attributes in it. A server that may not be
// asked for attributes counts as having none: runs do without.
func Inspect(ctx context.Context, c client.Client, namespace string, attributes []string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return false, fmt.Errorf("there is no namespace %q: create it (temporal operator namespace create --retention 90d %s) or name another", namespace, namespace)
	}
	if err != nil {
		return false, fmt.Errorf("namespace %q: %w", namespace, err)
	}
	got, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return false, nil
	}
	for _, name := range attributes {
		if _, ok := got.GetCustomAttributes()[name]; !ok {
			return false, nil
		}
	}
	return true, nil
}
