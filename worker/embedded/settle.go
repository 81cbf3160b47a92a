package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	startLimit = 60 * time.Second
	askEvery   = 50 * time.Millisecond
)

// settle waits until the server answers for every namespace, with the wanted
// retention and with every search attribute visible: a workflow that upserts an
// attribute the server does not see yet would be blocked.
func settle(ctx context.Context, address string, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("embedded temporal: %w", err)
	}
	defer func() { _ = conn.Close() }()
	for _, ns := range o.Namespaces {
		if err := untilNil(ctx, func() error { return retain(ctx, conn, ns) }); err != nil {
			return fmt.Errorf("embedded temporal: namespace %s: %w", ns.Name, err)
		}
		if err := untilNil(ctx, func() error { return visible(ctx, conn, ns.Name, o.SearchAttributes) }); err != nil {
			return fmt.Errorf("embedded temporal: search attributes of %s: %w", ns.Name, err)
		}
	}
	return nil
}

func retain(ctx context.Context, conn *grpc.ClientConn, ns Namespace) error {
	_, err := workflowservice.NewWorkflowServiceClient(conn).UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: ns.Name,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(ns.Retention)},
	})
	return err
}

func visible(ctx context.Context, conn *grpc.ClientConn, namespace string, want []string) error {
	got, err := operatorservice.NewOperatorServiceClient(conn).ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range want {
		if _, ok := got.GetCustomAttributes()[name]; !ok {
			missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		}
	}
	if len(missing) == 0 {
		return nil
	}
	// A data folder of an earlier version has a namespace without them.
	_, err = operatorservice.NewOperatorServiceClient(conn).AddSearchAttributes(ctx,
		&operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	return errors.Join(fmt.Errorf("%d search attributes are not registered yet", len(missing)), err)
}

// untilNil repeats ask until it succeeds; its last error is the answer when
// time is up.
func untilNil(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in %s: %w", startLimit, err)
		case <-time.After(askEvery):
		}
	}
}
