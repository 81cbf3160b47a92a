package plans

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// binder fills structs from a YAML tree and gathers every error on the way,
// with its place: yaml libraries stop at the first one. It remembers where
// each value stood, so that later checks can point at it too.
type binder struct {
	file    File
	errors  Errors
	places  places
	anchors map[string]ast.Node
	bound   int // values so far
}

// place is where a value stands.
type place struct {
	file         File
	line, column int
	// lost is true where a value could not be read, or may stand under a name that
	// nobody knows: what it was meant to be cannot be told.
	lost bool
}

// places maps paths ("plans[0].name") to where they stand.
type places map[string]place

func (p places) lose(path string) {
	where := p[path]
	where.lost = true
	p[path] = where
}

// found are the places as if nothing had been lost.
func (p places) found() places {
	out := make(places, len(p))
	for path, where := range p {
		if where.line > 0 { // else it is known as lost only
			where.lost = false
			out[path] = where
		}
	}
	return out
}

// lost is true where nobody can tell what a path holds, because it or what it stands
// in was lost. The items of a list that were read are known, whatever else it holds.
func (p places) lost(path string) bool {
	for path != "" {
		if p[path].lost {
			return true
		}
		item := strings.HasSuffix(path, "]")
		if path = above(path); item {
			path = above(path)
		}
	}
	return false
}

// loseAll loses the fields of a struct at a path, but those that were seen.
func (p places) loseAll(path string, fields map[string]int, seen map[string]bool) {
	for name := range fields {
		if !seen[name] {
			p.lose(join(path, name))
		}
	}
}

// secretWords are fields that never show their line: a password written there by mistake
// must not come back in an error.
var secretWords = []string{"secret", "password", "passwd", "passphrase", "pass", "pwd", "token", "key", "api_key", "credential"}

func secretField(name string) bool { return slices.Contains(secretWords, strings.ToLower(name)) }

func (b *binder) fail(n ast.Node, path, remedy, problem string, args ...any) {
	e := &Error{File: b.file.Name, Field: path, Problem: fmt.Sprintf(problem, args...), Remedy: remedy}
	e.Line, e.Column = position(n)
	if !secretField(lastName(path)) {
		e.Snippet = snippet(b.file.Data, e.Line, e.Column)
	}
	b.errors = append(b.errors, e)
	b.places.lose(path)
}

func lastName(path string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	name, _, _ = strings.Cut(name, "[")
	return name
}

func position(n ast.Node) (line, column int) {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1, 1
	}
	p := n.GetToken().Position
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return position(m.Values[0].Key)
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		return position(v.Key)
	}
	return p.Line, p.Column
}

// Visit keeps an anchor: what is meant by it is known even where it stands in
// something that cannot be read.
func (b *binder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		b.keep(a)
	}
	return b
}

func (b *binder) keep(a *ast.AnchorNode) {
	if b.anchors == nil {
		b.anchors = map[string]ast.Node{}
	}
	b.anchors[a.Name.GetToken().Value] = a.Value
}

func aliasName(a *ast.AliasNode) string { return a.Value.GetToken().Value }

// plainNode takes anchors, tags and aliases away.
func (b *binder) plainNode(n ast.Node, depth int) ast.Node {
	if depth > 16 {
		return nil
	}
	switch v := n.(type) {
	case *ast.AnchorNode:
		b.keep(v)
		return b.plainNode(v.Value, depth+1)
	case *ast.AliasNode:
		return b.plainNode(b.anchors[aliasName(v)], depth+1)
	case *ast.TagNode:
		return b.plainNode(v.Value, depth+1)
	}
	return n
}

// bind fills v, which must be settable, from the node.
func (b *binder) bind(n ast.Node, v reflect.Value, path string) {
	b.bindAt(n, v, path, 0)
}

// maxDepth bounds nesting: a configuration is a dozen levels deep.
const maxDepth = 64

// maxValues bounds what a file may unfold to: aliases of aliases grow without
// end, and ten thousand VMs are half of this.
const maxValues = 1_000_000

func (b *binder) bindAt(n ast.Node, v reflect.Value, path string, depth int) {
	if depth > maxDepth {
		b.fail(n, path, "", "nested too deep")
		return
	}
	if b.bound++; b.bound >= maxValues {
		if b.bound == maxValues {
			b.fail(n, path, "write less, or use fewer aliases (*name)", "holds more than %d values", maxValues)
		}
		return
	}
	if alias, ok := n.(*ast.AliasNode); ok && b.anchors[aliasName(alias)] == nil {
		b.fail(n, path, "write it out, or write &"+aliasName(alias)+" before what is meant", "nothing is called &%s here", aliasName(alias))
		return
	}
	n = b.plainNode(n, 0)
	if n == nil {
		return
	}
	line, column := position(n)
	b.places[path] = place{file: b.file, line: line, column: column}
	if _, null := n.(*ast.NullNode); null {
		return
	}
	if b.scalar(n, v, path) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		b.bindAt(n, v.Elem(), path, depth+1)
	case reflect.Struct:
		b.structure(n, v, path, depth)
	case reflect.Slice:
		b.list(n, v, path, depth)
	default:
		b.fail(n, path, "", "this field cannot be read")
	}
}

func (b *binder) list(n ast.Node, v reflect.Value, path string, depth int) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		b.fail(n, path, "write it as a list: one line with - for each", "must be a list, is %s", kindOf(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		b.bindAt(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
	v.Set(out)
}

func (b *binder) structure(n ast.Node, v reflect.Value, path string, depth int) {
	pairs, ok := pairsOf(n)
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	if !ok {
		b.fail(n, path, "write it as fields: name: value", "must be fields, is %s", kindOf(n))
		b.places.loseAll(path, fields, seen)
		return
	}
	var strange []string
	for _, pair := range pairs {
		name := keyText(pair)
		full := join(path, name)
		i, known := fields[name]
		switch {
		case !known:
			b.unknown(pair, name, full, fields)
			strange = append(strange, name)
		case seen[name]:
			b.fail(pair.Key, full, "remove one of the two", "is written twice")
		default:
			seen[name] = true
			b.bindAt(pair.Value, v.Field(i), full, depth+1)
		}
	}
	for _, name := range strange {
		b.places.loseAll(path, meant(name, fields, seen), seen)
	}
}

// meant are the fields that an unknown name may have been meant for: those not yet
// written that are spelt like it, else every one not yet written.
func meant(name string, fields map[string]int, seen map[string]bool) map[string]int {
	like := map[string]int{}
	for candidate, i := range fields {
		if !seen[candidate] && distance(name, candidate) < tooFar {
			like[candidate] = i
		}
	}
	if len(like) == 0 {
		return fields
	}
	return like
}

func (b *binder) unknown(pair *ast.MappingValueNode, name, full string, fields map[string]int) {
	if secretField(name) {
		b.fail(pair.Key, full, "keep it elsewhere and name the place: secret: env:NAME or secret: file:PATH", "secrets do not belong into a configuration")
		return
	}
	remedy := "remove it, or see lifeboat plan schema for the fields there are"
	if near := nearest(name, fields); near != "" {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	b.fail(pair.Key, full, remedy, "there is no such field")
}

func pairsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func keyText(pair *ast.MappingValueNode) string { return pair.Key.GetToken().Value }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fieldsOf maps the YAML names of a struct to its field numbers.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "something else"
}

// nearest is the known name at most two edits away, or "".
func nearest(name string, fields map[string]int) string {
	best, found := tooFar, ""
	for candidate := range fields {
		d := distance(name, candidate)
		if d < best || (d == best && candidate < found) {
			best, found = d, candidate
		}
	}
	return found
}

// tooFar is how many edits make two names different words.
const tooFar = 3

func distance(name, candidate string) int {
	if singular(candidate) == name {
		return 0
	}
	return edits(name, candidate)
}

// singular is one of what a list is called for: people write canary: for canaries:.
func singular(list string) string {
	if stem, ok := strings.CutSuffix(list, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(list, "s")
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		last := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last
			if a[i-1] != b[j-1] {
				cost++
			}
			last = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
