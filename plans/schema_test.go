package plans

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// tags gathers the YAML names of a type and all within it.
func tags(of reflect.Type, into map[string]map[string]bool) {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || into[of.Name()] != nil {
		return
	}
	into[of.Name()] = map[string]bool{}
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ",")
		into[of.Name()][name] = true
		tags(of.Field(i).Type, into)
	}
}

func TestTheSchemaHoldsEveryFieldAndNoOther(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Properties           map[string]any `json:"properties"`
			AdditionalProperties any            `json:"additionalProperties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]bool{}
	tags(reflect.TypeFor[Config](), want)
	if len(want) < 20 {
		t.Fatalf("only %d types were found", len(want))
	}
	for name, fields := range want {
		def, ok := schema.Defs[name]
		if !ok {
			t.Errorf("the schema lacks %s", name)
			continue
		}
		if def.AdditionalProperties != false {
			t.Errorf("%s: the schema lets unknown fields through, Decode does not", name)
		}
		for field := range fields {
			if _, ok := def.Properties[field]; !ok {
				t.Errorf("%s lacks %s", name, field)
			}
		}
		for field := range def.Properties {
			if !fields[field] {
				t.Errorf("%s has %s, which Decode does not know", name, field)
			}
		}
	}
}

func TestWrittenValuesReadBackAsTheyWere(t *testing.T) {
	for _, text := range []string{"30s", "10m", "2h30m", "1h", "1m30s", "0s", "500ms"} {
		d, err := parseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s is written %s", text, d)
		}
	}
	for _, text := range []string{"512MB", "8GB", "1TB", "3KB", "7B"} {
		b, err := parseBytes(text)
		if err != nil || b.String() != text {
			t.Errorf("%s is written %s (%v)", text, b, err)
		}
	}
	for _, wrong := range []string{"", "8", "8 GiB", "-1GB", "1.5GB", "99999999999TB", "GB"} {
		if b, err := parseBytes(wrong); err == nil {
			t.Errorf("%q was read as %s", wrong, b)
		}
	}
	for _, wrong := range []string{"", "10", "-1m", "1d", "soon"} {
		if d, err := parseDuration(wrong); err == nil {
			t.Errorf("%q was read as %s", wrong, d)
		}
	}
}
