package powershell

import (
	"math"
	"strings"
	"time"
)

// void is the output of a pipeline that put nothing out; a variable may hold it.
type void struct{}

var shortNames = map[string]string{
	"int": "int32", "long": "int64", "single": "float", "boolean": "bool", "switch": "switchparameter", "ulong": "uint64", "uint": "uint32",
	"short": "int16", "psobject": "object", "credential": "pscredential",
}

// shortType is the lower-case name without namespace, accelerators resolved.
func shortType(typ string) string {
	name := strings.ToLower(lastSegment(typ))
	if short, ok := shortNames[name]; ok {
		return short
	}
	return name
}

var fullNames = map[string]string{
	"int32": "System.Int32", "int64": "System.Int64", "string": "System.String", "bool": "System.Boolean", "double": "System.Double",
	"guid": "System.Guid", "datetime": "System.DateTime", "timespan": "System.TimeSpan", "object": "System.Object", "char": "System.Char",
	"hashtable": "System.Collections.Hashtable", "array": "System.Array", "version": "System.Version", "byte": "System.Byte",
	"uint32": "System.UInt32", "uint64": "System.UInt64", "int16": "System.Int16", "uint16": "System.UInt16", "math": "System.Math",
	"environment": "System.Environment", "scriptblock": "System.Management.Automation.ScriptBlock", "pscustomobject": "System.Management.Automation.PSCustomObject",
	"ordered": "System.Collections.Specialized.OrderedDictionary", "decimal": "System.Decimal", "float": "System.Single",
	"securestring": "System.Security.SecureString", "switchparameter": "System.Management.Automation.SwitchParameter", "type": "System.Type",
	"convert": "System.Convert", "regex": "System.Text.RegularExpressions.Regex", "exception": "System.Exception",
	"pscredential": "System.Management.Automation.PSCredential",
}

func fullTypeName(typ string) string {
	if base, ok := strings.CutSuffix(typ, "[]"); ok {
		return fullTypeName(base) + "[]"
	}
	if full, ok := fullNames[shortType(typ)]; ok {
		return full
	}
	return typ
}

// typeNameOf is what $v.GetType().FullName says. Whole numbers within 32 bits
// are Int32: the interpreter keeps one kind.
func typeNameOf(v any) string {
	switch v := v.(type) {
	case bool:
		return "System.Boolean"
	case int64:
		if v >= math.MinInt32 && v <= math.MaxInt32 {
			return "System.Int32"
		}
		return "System.Int64"
	case float64:
		return "System.Double"
	case string:
		return "System.String"
	case Char:
		return "System.Char"
	case time.Time:
		return "System.DateTime"
	case time.Duration:
		return "System.TimeSpan"
	case GUID:
		return "System.Guid"
	case Enum:
		return v.Type
	case *Object:
		return v.typeName()
	case *Dictionary:
		if v.Ordered {
			return "System.Collections.Specialized.OrderedDictionary"
		}
		return "System.Collections.Hashtable"
	case []any:
		return "System.Object[]"
	case *ScriptBlock:
		return "System.Management.Automation.ScriptBlock"
	case *SecureString:
		return "System.Security.SecureString"
	case TypeName:
		return "System.RuntimeType"
	case *ErrorRecord:
		return "System.Management.Automation.ErrorRecord"
	}
	return "System.Object"
}

// is answers v -is [typ].
func is(v any, typ string) bool {
	want := shortType(typ)
	switch v := v.(type) {
	case nil, void:
		return false
	case int64:
		if want == "int64" || want == "valuetype" {
			return true
		}
	case []any:
		if want == "array" || want == "object[]" || want == "ienumerable" || want == "icollection" {
			return true
		}
	case *Dictionary:
		if want == "idictionary" || want == "ordered" && v.Ordered {
			return true
		}
	case *Object:
		if v.Is(typ) || (want == "object" || want == "pscustomobject") && v.custom() {
			return true
		}
	case Enum:
		if want == "enum" || strings.EqualFold(lastSegment(v.Type), lastSegment(typ)) {
			return true
		}
	}
	return want == "object" || strings.EqualFold(lastSegment(typeNameOf(v)), want) || strings.EqualFold(typeNameOf(v), fullTypeName(typ))
}
