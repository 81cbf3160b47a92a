package plans

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// words lists what may be written for the types that are a choice.
var words = map[reflect.Type][]string{
	reflect.TypeFor[ReversePolicy]():  {string(ReverseAfterGates), string(ReverseBeforeStart), string(ReverseOnCommit)},
	reflect.TypeFor[SheddingPolicy](): {string(PolicyAuto), string(PolicyManual), string(PolicyNever), string(PolicyIfCapacity)},
	reflect.TypeFor[Operation]():      operationWords(),
	reflect.TypeFor[FencePolicy]():    {string(FenceAsk), string(FenceShutDown), string(FenceTurnOff), string(FenceDisconnect)},
	reflect.TypeFor[MailTLS]():        {string(MailStartTLS), string(MailTLSOnly), string(MailClear)},
	reflect.TypeFor[Severity]():       {string(Blocker), string(Warning)},
	reflect.TypeFor[DrillMust]():      {string(MustVMsUp), string(MustGatesGreen), string(MustLeaveClean)},
	reflect.TypeFor[OrphanKind]():     policyKindWords(),
	reflect.TypeFor[RepairMode]():     {string(RepairAllow), string(RepairAsk), string(RepairNever)},
	reflect.TypeFor[DriftMode]():      {string(DriftReport), string(DriftAsk), string(DriftCorrect)},
}

func operationWords() []string {
	var all []string
	for _, o := range Operations() {
		all = append(all, string(o))
	}
	return all
}

// scalar binds the types that are one value; false when v is not one of them.
func (b *binder) scalar(n ast.Node, v reflect.Value, path string) bool {
	var err error
	switch v.Interface().(type) {
	case Duration:
		err = setParsed(n, v, parseDuration)
	case Frequency:
		err = setParsed(n, v, parseFrequency)
	case Bytes:
		err = setParsed(n, v, parseBytes)
	default:
		return b.basic(n, v, path)
	}
	if err != nil {
		b.fail(n, path, "", "%v", err)
	}
	return true
}

func setParsed[T any](n ast.Node, v reflect.Value, parse func(string) (T, error)) error {
	text, _ := textOf(n)
	value, err := parse(text)
	if err == nil {
		v.Set(reflect.ValueOf(value))
	}
	return err
}

func (b *binder) basic(n ast.Node, v reflect.Value, path string) bool {
	switch v.Kind() {
	case reflect.String:
		b.text(n, v, path)
	case reflect.Bool:
		if flag, ok := n.(*ast.BoolNode); ok {
			v.SetBool(flag.Value)
		} else {
			b.fail(n, path, "write true or false", "must be true or false, is %s", kindOf(n))
		}
	case reflect.Int, reflect.Int64:
		number, err := strconv.ParseInt(strings.TrimPrefix(tokenText(n), "+"), 10, 64)
		if _, ok := n.(*ast.IntegerNode); !ok || err != nil {
			b.fail(n, path, "write digits only", "must be a whole number, is %s", kindOf(n))
			return true
		}
		v.SetInt(number)
	case reflect.Float64:
		number, err := strconv.ParseFloat(tokenText(n), 64)
		if err != nil {
			b.fail(n, path, "write a number", "must be a number, is %s", kindOf(n))
			return true
		}
		v.SetFloat(number)
	default:
		return false
	}
	return true
}

func (b *binder) text(n ast.Node, v reflect.Value, path string) {
	text, ok := textOf(n)
	if !ok {
		b.fail(n, path, "", "must be text, is %s", kindOf(n))
		return
	}
	if allowed := words[v.Type()]; allowed != nil && !slices.Contains(allowed, text) {
		b.fail(n, path, "write one of "+strings.Join(allowed, ", "), "%q is not known here", text)
		return
	}
	v.SetString(text)
}

// textOf is a scalar as text: a name like 007 or true may be written without
// quotes.
func textOf(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return tokenText(n), true
	}
	return "", false
}

func tokenText(n ast.Node) string {
	if t := n.GetToken(); t != nil {
		return t.Value
	}
	return ""
}
