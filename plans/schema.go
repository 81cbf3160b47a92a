package plans

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema is the configuration's JSON Schema (draft 2020-12), made from the
// same types that Decode fills.
func Schema() []byte {
	r := jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Mapper: schemaOf}
	s := r.Reflect(&Config{})
	s.Title = "Lifeboat configuration"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // the types are ours: the schema always encodes
		return nil
	}
	return append(text, '\n')
}

// schemaOf describes the types that are one written value.
func schemaOf(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^([0-9.]+(h|m|s|ms))+$`, Description: "a span, like 30s, 10m or 2h30m"}
	case reflect.TypeFor[Bytes]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+ ?(B|KB|MB|GB|TB)$`, Description: "a size, like 512MB or 8GB"}
	case reflect.TypeFor[Frequency]():
		return &jsonschema.Schema{Type: "string", Enum: []any{"30s", "5m", "15m"}}
	case reflect.TypeFor[SecretRef]():
		return &jsonschema.Schema{Type: "string", Pattern: secretForm.String(), Description: "env:NAME or file:PATH, never the secret itself"}
	}
	if allowed := words[t]; allowed != nil {
		values := make([]any, len(allowed))
		for i := range allowed {
			values[i] = allowed[i]
		}
		return &jsonschema.Schema{Type: "string", Enum: values, Description: "one of " + strings.Join(allowed, ", ")}
	}
	return nil
}
