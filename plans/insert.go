package plans

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// Insertion is what is written into a file of the configuration, and where.
type Insertion struct {
	File string `json:"file"`
	// After is the number of the line behind which it stands, or in which, where a
	// list is written in one line.
	After int `json:"after"`
	// Text is whole lines, or what comes into the line.
	Text string `json:"text"`
	// Into says in words what it becomes a part of.
	Into string `json:"into"`

	at int // where in the file's bytes
}

// PlaceError is that a configuration is written in a way in which nothing is put
// into it: a person must.
type PlaceError struct {
	// Lines are what is to be written, and behind which line.
	Lines []Insertion
	Why   error
}

func (e *PlaceError) Error() string { return e.Why.Error() }
func (e *PlaceError) Unwrap() error { return e.Why }

// newEntry is an entry of a list that is to be written: what it is beside, and its
// fields.
type newEntry struct {
	list   ast.Node
	beside int
	fields []string
	into   string
}

// beside puts a VM into a configuration next to another.
type beside struct {
	before *Config
	find   func(string) vmRef // what a plan calls a VM
	// like is the other VM, vm the new one, and name what plans call that.
	like, vm ProtectedVM
	name     string
	// stage makes the new VM's part in a stage from the other's.
	stage func(PlanVM) PlanVM
}

// AddLike writes a VM into the files of a configuration: into the group of another,
// behind it, and into each stage that names that one, behind it too. All else stays
// as it is, comments and line ends too. What comes of it is read again and compared:
// where it differs by more than the VM, nothing is returned but a PlaceError.
func AddLike(files []File, like, vm ProtectedVM, stage func(PlanVM) PlanVM) (changed []File, added []Insertion, err error) {
	before, err := Decode(files)
	if err != nil {
		return nil, nil, err
	}
	index := &resolver{cfg: before, index: indexVMs(before)}
	b := &beside{before: before, find: index.find, like: like, vm: vm, name: before.NameFor(vm), stage: stage}
	var failed []error
	for _, file := range files {
		entries, err := b.entries(file)
		if err != nil {
			return nil, nil, err
		}
		var here []Insertion
		for _, e := range entries {
			i, err := e.insertion(file)
			if err != nil {
				failed = append(failed, err)
			}
			here = append(here, i)
		}
		added = append(added, here...)
		if len(here) > 0 {
			changed = append(changed, File{Name: file.Name, Data: inserted(file.Data, here)})
		}
	}
	err = errors.Join(failed...)
	if err == nil {
		err = b.addsOnly(files, changed)
	}
	if err != nil {
		return nil, nil, &PlaceError{added, err}
	}
	return changed, added, nil
}

// NameFor is what plans and commands call a VM: its name, or its GUID where that repeats.
func (cfg *Config) NameFor(vm ProtectedVM) string {
	for _, g := range cfg.Groups {
		if slices.ContainsFunc(g.VMs, func(o ProtectedVM) bool { return o.Name == vm.Name }) {
			return vm.ID
		}
	}
	return vm.Name
}

// isLike is true for a part in a stage that is the other VM's.
func (b *beside) isLike(p PlanVM) bool {
	ref := b.find(p.VM)
	return ref.vm != nil && ref.vm.ID == b.like.ID
}

// part is the new VM's part in a stage, made from the other's.
func (b *beside) part(p PlanVM) PlanVM {
	out := b.stage(p)
	out.VM = b.name
	return out
}

// addsOnly reads the changed files and says when more than the VM would change.
func (b *beside) addsOnly(files, changed []File) error {
	got, err := Decode(Replaced(files, changed))
	if err != nil {
		return fmt.Errorf("with it the configuration would not be valid: %w", err)
	}
	want, err := Decode(files)
	if err != nil {
		return err
	}
	n := 0
	for i := range want.Groups {
		vms := &want.Groups[i].VMs
		if at := slices.IndexFunc(*vms, func(o ProtectedVM) bool { return o.ID == b.like.ID }); at >= 0 {
			*vms, n = slices.Insert(*vms, at+1, b.vm), n+1
		}
	}
	for i := range want.Plans {
		for j := range want.Plans[i].Steps {
			s := &want.Plans[i].Steps[j]
			if at := slices.IndexFunc(s.VMs, b.isLike); at >= 0 {
				s.VMs = slices.Insert(s.VMs, at+1, b.part(s.VMs[at]))
			}
		}
	}
	if n != 1 || !reflect.DeepEqual(got, want) {
		return errors.New("more than this VM would change: something there is written once and used twice, or in a form that cannot be added to")
	}
	return nil
}

// entries are those that come into one file.
func (b *beside) entries(file File) ([]newEntry, error) {
	part, _, errs := decodeFile(file)
	if len(errs) > 0 {
		return nil, errs
	}
	tree, err := parse(file.Data)
	if err != nil {
		return nil, err
	}
	var out []newEntry
	for i, g := range part.Groups {
		for j, o := range g.VMs {
			if strings.EqualFold(o.ID, b.like.ID) {
				out = append(out, newEntry{listAt(tree, "groups", i, "vms"), j, vmFields(b.vm), "group " + g.Name})
			}
		}
	}
	for i, p := range part.Plans {
		for k, s := range p.Steps {
			for m, o := range s.VMs {
				if b.isLike(o) {
					out = append(out, newEntry{listAt(tree, "plans", i, "steps", k, "vms"), m, planFields(b.part(o)), intoStage(p.Name, s.Stage)})
				}
			}
		}
	}
	return out, nil
}

// listAt is the node of a list, nil where the way to it leads over an alias, or
// through more than one document.
func listAt(tree *ast.File, path ...any) ast.Node {
	var n ast.Node
	for _, doc := range tree.Docs {
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment || doc.Body == nil {
			continue
		}
		if n != nil {
			return nil
		}
		n = doc.Body
	}
	for _, step := range path {
		switch n = unanchored(n); at := step.(type) {
		case string:
			pairs, ok := pairsOf(n)
			i := slices.IndexFunc(pairs, func(p *ast.MappingValueNode) bool { return keyText(p) == at })
			if !ok || i < 0 {
				return nil
			}
			n = pairs[i].Value
		case int:
			list, ok := n.(*ast.SequenceNode)
			if !ok || at >= len(list.Values) {
				return nil
			}
			n = list.Values[at]
		}
	}
	return unanchored(n)
}

// unanchored takes anchors and tags away, and no alias.
func unanchored(n ast.Node) ast.Node {
	for {
		switch v := n.(type) {
		case *ast.AnchorNode:
			n = v.Value
		case *ast.TagNode:
			n = v.Value
		default:
			return n
		}
	}
}

// insertion places an entry. Where it cannot, it still says what is to be written.
func (e newEntry) insertion(file File) (Insertion, error) {
	out := Insertion{File: file.Name, Into: e.into, Text: "- {" + strings.Join(e.fields, ", ") + "}"}
	list, ok := e.list.(*ast.SequenceNode)
	if !ok || e.beside >= len(list.Values) {
		return out, fmt.Errorf("%s: the list of VMs of %s is an alias, or stands in a file of several documents", file.Name, e.into)
	}
	beside := list.Values[e.beside]
	line, column := position(unanchored(beside))
	out.After = line
	if list.IsFlowStyle {
		return e.inLine(file, out, beside)
	}
	lines := strings.SplitAfter(string(file.Data), "\n")
	if list.Start == nil || list.Start.Position == nil || line > len(lines) {
		return out, fmt.Errorf("%s:%d: where this list begins cannot be told", file.Name, line)
	}
	dash := list.Start.Position.Column - 1
	last, err := lastLine(lines, line, dash)
	if err != nil {
		return out, fmt.Errorf("%s:%d: %w", file.Name, line, err)
	}
	out.After = last
	out.at = len(strings.Join(lines[:last], ""))
	out.Text = e.lines(beside, dash, column-1, lineEnd(file.Data))
	if !strings.HasSuffix(lines[last-1], "\n") {
		out.Text = lineEnd(file.Data) + strings.TrimRight(out.Text, "\r\n")
	}
	return out, nil
}

// lines are the entry as lines of a list, written as the one beside it is.
func (e newEntry) lines(beside ast.Node, dash, column int, end string) string {
	if m, ok := unanchored(beside).(*ast.MappingNode); ok && m.IsFlowStyle {
		return strings.Repeat(" ", dash) + "- {" + strings.Join(e.fields, ", ") + "}" + end
	}
	inner := dash + 2
	if column > inner {
		inner = column
	}
	var b strings.Builder
	for i, f := range e.fields {
		head := strings.Repeat(" ", inner)
		if i == 0 {
			head = strings.Repeat(" ", dash) + "-" + strings.Repeat(" ", inner-dash-1)
		}
		b.WriteString(head + f + end)
	}
	return b.String()
}

// lastLine is the number of the last line of an entry that begins in a line, in a
// list whose dashes stand in a column: all that is further in belongs to it.
func lastLine(lines []string, begins, dash int) (int, error) {
	last := begins
	for i := begins; i < len(lines); i++ {
		text := strings.TrimRight(lines[i], "\r\n")
		rest := strings.TrimLeft(text, " ")
		if strings.HasPrefix(rest, "\t") {
			return 0, fmt.Errorf("line %d begins with a tab", i+1)
		}
		if rest == "" {
			continue
		}
		if len(text)-len(rest) <= dash {
			if strings.HasPrefix(rest, "#") {
				continue
			}
			break
		}
		last = i + 1
	}
	return last, nil
}

// inLine places an entry behind the one beside it in a list of one line, or of a
// few.
func (e newEntry) inLine(file File, out Insertion, beside ast.Node) (Insertion, error) {
	m, ok := unanchored(beside).(*ast.MappingNode)
	if !ok || m.End == nil || m.End.Position == nil {
		return out, fmt.Errorf("%s:%d: where this entry ends cannot be told", file.Name, out.After)
	}
	out.After = m.End.Position.Line
	lines := strings.SplitAfter(string(file.Data), "\n")
	if out.After < 1 || out.After > len(lines) {
		return out, fmt.Errorf("%s:%d: there is no such line", file.Name, out.After)
	}
	text := []rune(lines[out.After-1])
	column := m.End.Position.Column
	if column < 1 || column > len(text) || text[column-1] != '}' {
		return out, fmt.Errorf("%s:%d: where this entry ends cannot be told", file.Name, out.After)
	}
	out.at = len(strings.Join(lines[:out.After-1], "")) + len(string(text[:column]))
	out.Text = ", {" + strings.Join(e.fields, ", ") + "}"
	return out, nil
}

// lineEnd is how the lines of a file end.
func lineEnd(data []byte) string {
	if strings.Contains(string(data), "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// inserted is a text with all that comes into it.
func inserted(data []byte, all []Insertion) []byte {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Insertion) int { return cmp.Compare(a.at, b.at) })
	var b strings.Builder
	from := 0
	for _, i := range sorted {
		b.Write(data[from:i.at])
		b.WriteString(i.Text)
		from = i.at
	}
	b.Write(data[from:])
	return []byte(b.String())
}

// vmFields are a VM of a group as it is written.
func vmFields(vm ProtectedVM) []string {
	out := []string{"name: " + yamlValue(vm.Name), "id: " + vm.ID}
	if vm.Memory > 0 {
		out = append(out, "memory: "+vm.Memory.String())
	}
	var nics []string
	for _, n := range vm.NICs {
		var f []string
		if n.Adapter != "" {
			f = append(f, "adapter: "+yamlValue(n.Adapter))
		}
		f = append(f, "network: "+yamlValue(n.Network))
		if n.IP != "" {
			f = append(f, "ip: "+yamlIP(n.IP))
		}
		if n.Inject != nil {
			f = append(f, fmt.Sprintf("inject: %t", *n.Inject))
		}
		nics = append(nics, "{"+strings.Join(f, ", ")+"}")
	}
	if len(nics) > 0 {
		out = append(out, "nics: ["+strings.Join(nics, ", ")+"]")
	}
	return out
}

// yamlIP is an address as people write it.
func yamlIP(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is4() {
		return text
	}
	return yamlValue(text)
}

// planFields are a VM of a stage as it is written.
func planFields(p PlanVM) []string {
	out := []string{"vm: " + yamlValue(p.VM)}
	if len(p.After) > 0 {
		words := make([]string, len(p.After))
		for i, w := range p.After {
			words[i] = yamlValue(w)
		}
		out = append(out, "after: ["+strings.Join(words, ", ")+"]")
	}
	if p.Policy != "" {
		out = append(out, "policy: "+string(p.Policy))
	}
	if p.Priority != 0 {
		out = append(out, fmt.Sprintf("priority: %d", p.Priority))
	}
	if len(p.Gates) > 0 {
		out = append(out, "gates: [{heartbeat: {}}]")
	}
	if p.RTO > 0 {
		out = append(out, "rto: "+p.RTO.String())
	}
	return out
}

// yamlValue is yamlWord for what may hold characters that end a line elsewhere than
// in JSON, or that no text file should hold.
func yamlValue(s string) string {
	text := yamlWord(s)
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
