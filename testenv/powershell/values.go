package powershell

import (
	"sort"
	"strings"
)

// GUID is a System.Guid in lower case, without braces.
type GUID string

// Enum is a value of a .NET enumeration. ConvertTo-Json writes its number,
// strings write its name.
type Enum struct {
	Type, Name string
	Value      int64
}

// Char is a System.Char.
type Char rune

// TypeName is a type used as a value, such as [guid].
type TypeName string

// ScriptBlock is code as a value.
type ScriptBlock struct {
	text string
	body *block
}

// String is the text between the braces.
func (b *ScriptBlock) String() string { return b.text }

// SecureString holds a secret; it shows itself only by its type's name.
type SecureString struct{ text []rune }

// String never tells the secret.
func (*SecureString) String() string { return "System.Security.SecureString" }

// Reveal is the secret, for the hand that needs it (InvokeGuest).
func (s *SecureString) Reveal() string { return string(s.text) }

// Object has ordered properties that are found whatever their case. TypeNames
// goes from the most special type to the most general.
type Object struct {
	TypeNames []string
	names     []string
	values    map[string]any
}

// NewObject makes an empty object of these types; none means PSCustomObject.
func NewObject(typeNames ...string) *Object {
	if len(typeNames) == 0 {
		typeNames = []string{"System.Management.Automation.PSCustomObject", "System.Object"}
	}
	return &Object{TypeNames: typeNames, values: map[string]any{}}
}

// Set adds or replaces a property and answers the object, so that calls chain.
func (o *Object) Set(name string, v any) *Object {
	key := strings.ToLower(name)
	if _, had := o.values[key]; !had {
		o.names = append(o.names, name)
	}
	o.values[key] = v
	return o
}

// Get reads a property, whatever the case of its name.
func (o *Object) Get(name string) (any, bool) {
	v, ok := o.values[strings.ToLower(name)]
	return v, ok
}

// Names are the properties in their order.
func (o *Object) Names() []string { return append([]string(nil), o.names...) }

// Is tells whether the object has the type; the namespace may be left out.
func (o *Object) Is(typeName string) bool {
	for _, name := range o.TypeNames {
		if strings.EqualFold(name, typeName) || strings.EqualFold(lastSegment(name), lastSegment(typeName)) {
			return true
		}
	}
	return false
}

// custom tells a PSCustomObject, which is written as @{a=1}.
func (o *Object) custom() bool {
	return len(o.TypeNames) == 0 || strings.HasSuffix(o.TypeNames[0], "PSCustomObject") || strings.HasPrefix(o.TypeNames[0], "Selected.")
}

func (o *Object) typeName() string {
	if len(o.TypeNames) == 0 {
		return "System.Management.Automation.PSCustomObject"
	}
	return o.TypeNames[0]
}

// Dictionary is a hashtable. Keys keep their order of entry even in a plain @{},
// whose order on Windows is unspecified. Microsoft: about_Hash_Tables.
type Dictionary struct {
	Ordered bool
	keys    []any
	values  map[string]any
}

// NewDictionary makes an empty ordered dictionary.
func NewDictionary() *Dictionary { return &Dictionary{Ordered: true, values: map[string]any{}} }

func dictionaryKey(k any) string {
	switch k := k.(type) {
	case string:
		return "s" + strings.ToLower(k)
	case nil:
		return "n"
	}
	return typeNameOf(k) + ":" + toString(k)
}

// Set adds or replaces an entry and answers the dictionary.
func (d *Dictionary) Set(key, v any) *Dictionary {
	k := dictionaryKey(key)
	if _, had := d.values[k]; !had {
		d.keys = append(d.keys, key)
	}
	d.values[k] = v
	return d
}

// Get reads an entry; text keys are found whatever their case.
func (d *Dictionary) Get(key any) (any, bool) {
	v, ok := d.values[dictionaryKey(key)]
	return v, ok
}

// Keys are the keys in their order.
func (d *Dictionary) Keys() []any { return append([]any(nil), d.keys...) }

// Len is the number of entries.
func (d *Dictionary) Len() int { return len(d.keys) }

func (d *Dictionary) remove(key any) {
	k := dictionaryKey(key)
	if _, had := d.values[k]; !had {
		return
	}
	delete(d.values, k)
	for i, each := range d.keys {
		if dictionaryKey(each) == k {
			d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
			return
		}
	}
}

func lastSegment(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[i+1:]
	}
	return name
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
