package hyperv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusalsAreToldByIdAndCategory(t *testing.T) {
	const vmms = ",Microsoft.HyperV.PowerShell.Commands."
	for _, c := range []struct {
		id, category string
		want         error
	}{
		{"InvalidState" + vmms + "StartVMFailover", "NotSpecified", ErrWrongState},
		{"InvalidOperation" + vmms + "SetVMReplication", "InvalidOperation", ErrNotApplicable},
		{"InvalidParameter" + vmms + "GetVM", "InvalidArgument", ErrNotFound},
		{"InvalidParameter" + vmms + "SetVM", "InvalidArgument", ErrInvalid},
		{"ObjectNotFound" + vmms + "GetVM", "ObjectNotFound", ErrNotFound},
		{"AccessDenied" + vmms + "GetVM", "PermissionDenied", ErrDenied},
		{"OutOfMemory" + vmms + "StartVM", "NotSpecified", ErrOutOfMemory},
		{"ObjectInUse" + vmms + "StopVM", "ResourceBusy", ErrBusy},
		{"CommandNotFoundException", "ObjectNotFound", ErrMissing},
		{"LifeboatAdapterNotFound", "OperationStopped", ErrNotFound},
		{"LifeboatAdapterAmbiguous", "OperationStopped", ErrInvalid},
		{"LifeboatPointNotFound", "OperationStopped", ErrNotFound},
		{"LifeboatPointNotRecovery", "OperationStopped", ErrInvalid},
		{"LifeboatFailedOver", "OperationStopped", ErrFailedOver},
		{"LifeboatTestExists", "OperationStopped", ErrTestExists},
		{"LifeboatTestNotFound", "OperationStopped", ErrNotFound},
		{"LifeboatExtendedExists", "OperationStopped", ErrExtended},
		{"LifeboatRelationNotFound", "OperationStopped", ErrNotFound},
		{"Whatever", "ConnectionError", ErrUnreachable},
		{"Whatever", "ResourceBusy", ErrBusy},
		{"Whatever", "NotSpecified", ErrFailed},
		{"", "", ErrFailed},
	} {
		s := &scripted{err: fmt.Errorf("carried: %w", &ScriptError{ID: c.id, Category: c.category, Message: "Der Vorgang …", Acted: true})}
		_, err := New(s).Start(t.Context(), vmA, expected, time.Second)
		require.ErrorIs(t, err, c.want, c.id)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Hint, c.id)
		require.True(t, e.Acted)
		var script *ScriptError
		require.ErrorAs(t, err, &script)
		for _, other := range []error{ErrNotFound, ErrBusy, ErrWrongState, ErrDenied, ErrNotApplicable, ErrOutOfMemory, ErrInvalid, ErrMissing, ErrTimeout, ErrFailedOver, ErrTestExists, ErrExtended, ErrUnreachable, ErrFailed, ErrAnswer} {
			require.Equal(t, other == c.want, errors.Is(err, other), "%s is %v", c.id, other)
		}
	}
}

// Every code that a script throws has a kind of its own, and every operation
// that has hints is one.
func TestWhatAScriptThrowsIsKnown(t *testing.T) {
	thrown := regexp.MustCompile(`throw '(\w+)'`)
	codes := map[string]bool{}
	for name, text := range scriptFiles(t) {
		for _, found := range thrown.FindAllStringSubmatch(text, -1) {
			require.Contains(t, kinds, found[1], name)
			codes[found[1]] = true
		}
	}
	for code := range kinds {
		if strings.HasPrefix(code, "Lifeboat") {
			require.True(t, codes[code], "%s is thrown nowhere", code)
		}
	}
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var text strings.Builder
	for _, name := range sources {
		if name != "refusal.go" && !strings.HasSuffix(name, "_test.go") {
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			text.Write(source)
		}
	}
	for op := range opHints {
		require.Contains(t, text.String(), `"`+op+`"`)
	}
}

func TestAHintKnowsTheOperation(t *testing.T) {
	failed := &scripted{err: &ScriptError{ID: "OperationFailed,Microsoft.HyperV.PowerShell.Commands.SetVMReplication", Category: "NotSpecified"}}
	var e *Error
	_, err := New(failed).ReverseReplication(t.Context(), vmA, expected, time.Second, "hv-a1", "")
	require.ErrorAs(t, err, &e)
	require.Equal(t, reach, e.Hint)
	_, err = New(failed).SetAsReplica(t.Context(), vmA, expected, time.Second, "")
	require.ErrorAs(t, err, &e)
	require.Equal(t, admit, e.Hint)
	_, err = New(failed).TurnOff(t.Context(), vmA, expected, time.Second)
	require.ErrorAs(t, err, &e)
	require.Equal(t, hints[ErrFailed], e.Hint)
}
