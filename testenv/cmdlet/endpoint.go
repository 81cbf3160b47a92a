package cmdlet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// The stand-in module and its endpoint speak plain JSON with these habits:
// strings begin with "=", so that no reader takes one for a date; everything
// that JSON has no word for is an object with its kind in "t".

// question is one call of the module. By is the request it belongs to.
type question struct {
	Cmdlet string         `json:"cmdlet"`
	Set    string         `json:"set"`
	Bound  map[string]any `json:"bound"`
	By     string         `json:"by"`
}

// answer is what the module makes objects and an error record of.
type answer struct {
	Values []any    `json:"values"`
	Error  *problem `json:"error,omitempty"`
}

type problem struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Message  string `json:"message"`
}

// maxQuestion is the size of the largest call, in bytes.
const maxQuestion = 8 << 20

// Endpoint serves a host's cmdlets to the stand-in module. caller says who
// stands behind a call; nil takes the module's word, and a fault that cuts the
// connection then cuts the module's request.
func Endpoint(farm *hypervisor.Farm, host *hypervisor.Host, caller func() hypervisor.Caller) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		d := json.NewDecoder(io.LimitReader(r.Body, maxQuestion))
		d.UseNumber()
		if err := d.Decode(&q); err != nil {
			http.Error(w, "the call cannot be read: "+err.Error(), http.StatusBadRequest)
			return
		}
		lost := false
		by := hypervisor.Caller{By: strings.TrimPrefix(q.By, "="), Cut: func(bool) { lost = true }}
		if caller != nil {
			by = caller()
		}
		bound := map[string]any{}
		for name, v := range q.Bound {
			bound[name] = received(v)
		}
		a := answer{Values: []any{}}
		emit := func(v any) error { a.Values = append(a.Values, sent(v)); return nil }
		rec := New(farm, host, func() hypervisor.Caller { return by }).
			Invoke(r.Context(), nil, powershell.Invocation{Name: q.Cmdlet, Set: q.Set, Bound: bound}, emit)
		if rec != nil {
			a.Error = &problem{ID: rec.ID, Category: rec.Category, Message: rec.Message}
		}
		if lost {
			panic(http.ErrAbortHandler) // no answer: the wire was cut
		}
		var text bytes.Buffer
		if err := json.NewEncoder(&text).Encode(a); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(text.Bytes())
	})
}

// dotnetEpoch is the Unix epoch in .NET ticks of 100 ns.
const dotnetEpoch = 621_355_968_000_000_000

// sent is a value as the module reads it.
func sent(v any) any {
	switch v := v.(type) {
	case string:
		return "=" + v
	case powershell.GUID:
		return map[string]any{"t": "guid", "v": "=" + string(v)}
	case powershell.Enum:
		return map[string]any{"t": "enum", "type": v.Type[strings.LastIndexByte(v.Type, '.')+1:], "v": "=" + v.Name}
	case time.Time:
		return map[string]any{"t": "time", "v": "=" + strconv.FormatInt(v.Unix()*10_000_000+int64(v.Nanosecond())/100+dotnetEpoch, 10)}
	case time.Duration:
		return map[string]any{"t": "span", "v": "=" + strconv.FormatInt(int64(v)/100, 10)}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sent(v[i])
		}
		return map[string]any{"t": "list", "v": out}
	case *powershell.Object:
		properties := []any{}
		implied := impliedOf(v)
		for _, name := range v.Names() {
			value, _ := v.Get(name)
			if implied[name] && isZero(value) {
				continue
			}
			properties = append(properties, map[string]any{"n": "=" + name, "v": sent(value)})
		}
		types := []any{}
		for _, t := range v.TypeNames {
			types = append(types, "="+t)
		}
		return map[string]any{"t": "object", "types": types, "v": properties}
	}
	return v
}

// impliedOf are the properties that the module's class has by itself: what is
// zero or $null in them need not travel, which is most of an object.
func impliedOf(o *powershell.Object) map[string]bool {
	class, ok := strings.CutPrefix(o.TypeNames[0], space)
	if !ok {
		return nil
	}
	own := map[string]bool{}
	for _, p := range readContract().Classes[class].Properties {
		own[p.Name] = true
	}
	return own
}

func isZero(v any) bool {
	return v == nil || v == false || v == int64(0) || v == time.Duration(0)
}

// received is a value that the module has sent.
func received(v any) any {
	switch v := v.(type) {
	case string:
		return strings.TrimPrefix(v, "=")
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = received(v[i])
		}
		return out
	case map[string]any:
		o := powershell.NewObject(fmt.Sprintf("%s%v", space, received(v["type"])))
		if properties, ok := v["v"].(map[string]any); ok {
			for name, value := range properties {
				o.Set(name, received(value))
			}
		}
		return o
	}
	return v
}
