package powershell

import (
	"sort"
	"strings"
	"time"
)

type coreCommand struct {
	info *CommandInfo
	make func(x *execution) (stage, error)
}

var aliases = map[string]string{"where": "where-object", "?": "where-object", "foreach": "foreach-object", "%": "foreach-object",
	"select": "select-object", "sort": "sort-object", "group": "group-object", "measure": "measure-object", "echo": "write-output",
	"write": "write-output", "ft": "format-table", "fl": "format-list", "sleep": "start-sleep", "icm": "invoke-command"}

var core map[string]coreCommand

// register adds a core cmdlet. Each word of the shape is Name:type, with :N for
// a position and ! for mandatory; InputObject takes the pipeline.
func register(name, class, shape string, build func(x *execution) (stage, error)) {
	info := &CommandInfo{Name: name, DefaultSet: allSets, ErrorClass: "Microsoft.PowerShell.Commands." + class}
	for _, word := range strings.Fields(shape) {
		mandatory := strings.HasSuffix(word, "!")
		part := strings.Split(strings.TrimSuffix(word, "!"), ":")
		p := Parameter{Name: part[0], Type: part[1], Switch: part[1] == "switch"}
		s := SetInfo{Position: -1, Mandatory: mandatory}
		if len(part) > 2 {
			s.Position = int(toLong(part[2]))
		}
		if p.Name == "InputObject" {
			s.Pipeline = "value"
		}
		p.Sets = map[string]SetInfo{allSets: s}
		info.Parameters = append(info.Parameters, p)
	}
	core[strings.ToLower(name)] = coreCommand{info, build}
}

func init() {
	core = map[string]coreCommand{}
	register("Where-Object", "WhereObjectCommand", "FilterScript:object:0 Value:object:1 EQ:switch NE:switch GT:switch GE:switch LT:switch LE:switch Like:switch NotLike:switch Match:switch NotMatch:switch Contains:switch In:switch InputObject:object", where)
	register("ForEach-Object", "ForEachObjectCommand", "Process:object:0! Begin:object End:object InputObject:object", forEach)
	register("Select-Object", "SelectObjectCommand", "Property:object[]:0 First:int Last:int Skip:int ExpandProperty:string Unique:switch InputObject:object", selectObject)
	register("Sort-Object", "SortObjectCommand", "Property:object[]:0 Descending:switch Unique:switch InputObject:object", sortObject)
	register("Measure-Object", "MeasureObjectCommand", "Property:string:0 Sum:switch Average:switch Maximum:switch Minimum:switch InputObject:object", measure)
	register("Group-Object", "GroupObjectCommand", "Property:object[]:0 NoElement:switch InputObject:object", groupObjects)
	register("Out-Null", "OutNullCommand", "InputObject:object", func(*execution) (stage, error) { return &stageFuncs{}, nil })
	register("Out-String", "OutStringCommand", "InputObject:object Stream:switch Width:int", outString)
	register("ConvertTo-Json", "ConvertToJsonCommand", "InputObject:object:0! Depth:int Compress:switch", toJSONCommand)
	register("ConvertFrom-Json", "ConvertFromJsonCommand", "InputObject:string:0!", fromJSONCommand)
	register("Write-Output", "WriteOutputCommand", "InputObject:object:0 NoEnumerate:switch", writeOutput)
	register("Write-Host", "WriteHostCommand", "Object:object:0 NoNewline:switch ForegroundColor:string InputObject:object", writeHost)
	register("Write-Warning", "WriteWarningCommand", "Message:string:0! InputObject:object", writeWarning)
	register("Write-Error", "WriteErrorCommand", "Message:string:0! ErrorId:string Category:string", writeError)
	register("New-Object", "NewObjectCommand", "TypeName:string:0! ArgumentList:object[]:1 Property:object", newObject)
	register("Get-Date", "GetDateCommand", "Date:datetime:0 Format:string", getDate)
	register("New-Guid", "NewGuidCommand", "", single(func(*execution) (any, error) { return newGUID(), nil }))
	register("Start-Sleep", "StartSleepCommand", "Seconds:double:0 Milliseconds:int", startSleep)
	register("Get-Variable", "GetVariableCommand", "Name:string:0! ValueOnly:switch", getVariable)
	register("Import-Module", "ImportModuleCommand", "Name:string[]:0!", single(func(*execution) (any, error) { return void{}, nil }))
	register("Get-Command", "GetCommandCommand", "Name:string:0!", getCommand)
	register("Format-Table", "FormatTableCommand", "Property:object[]:0 AutoSize:switch HideTableHeaders:switch InputObject:object", formatAs(true))
	register("Format-List", "FormatListCommand", "Property:object[]:0 InputObject:object", formatAs(false))
	register("Invoke-Command", "InvokeCommandCommand", "VMId:guid[] ScriptBlock:scriptblock:0! Credential:pscredential", invokeCommand)
}

// single is a cmdlet without pipeline input that answers one thing.
func single(f func(x *execution) (any, error)) func(x *execution) (stage, error) {
	return func(x *execution) (stage, error) {
		return &stageFuncs{end: func() error {
			v, err := f(x)
			if err != nil {
				return err
			}
			return spread(v, x.emit)
		}}, nil
	}
}

// gather collects the pipeline, or -InputObject, and hands it over at the end.
func gather(x *execution, end func(items []any) error) stage {
	items := []any{}
	return &stageFuncs{each: func(v any) error { items = append(items, v); return nil }, end: func() error {
		if x.has("InputObject") {
			items = append(items, x.arg("InputObject"))
		}
		return end(items)
	}}
}

func where(x *execution) (stage, error) {
	test := x.arg("FilterScript")
	return &stageFuncs{each: func(v any) error {
		var keep bool
		if b, ok := test.(*ScriptBlock); ok {
			answer, err := x.r.withItem(v, b)
			if err != nil {
				return err
			}
			keep = toBool(answer)
		} else {
			item := read(v, toString(test))
			op := ""
			for _, p := range x.info.Parameters {
				if p.Switch && x.on(p.Name) {
					op = strings.ToLower(p.Name)
				}
			}
			if op == "" {
				keep = toBool(item)
			} else {
				answer, err := x.r.operate(op, item, x.arg("Value"))
				if err != nil {
					return err
				}
				keep = toBool(answer)
			}
		}
		if keep {
			return x.emit(v)
		}
		return nil
	}}, nil
}

func forEach(x *execution) (stage, error) {
	edge := func(name string) error {
		if b, ok := x.arg(name).(*ScriptBlock); ok {
			return x.r.eachItem(nil, b, x.emit)
		}
		return nil
	}
	if err := edge("Begin"); err != nil {
		return nil, err
	}
	return &stageFuncs{each: func(v any) error {
		if b, ok := x.arg("Process").(*ScriptBlock); ok {
			return x.r.eachItem(v, b, x.emit)
		}
		name := toString(x.arg("Process"))
		if out, ok := method(v, strings.ToLower(name), nil); ok {
			if _, isProperty := property(v, name); !isProperty {
				return spread(out, x.emit)
			}
		}
		return spread(read(v, name), x.emit)
	}, end: func() error { return edge("End") }}, nil
}

// keyOf reads a property by name, calculated entry or block.
func (r *run) keyOf(v, how any) (string, any, error) {
	switch how := how.(type) {
	case *ScriptBlock:
		out, err := r.withItem(v, how)
		return strings.TrimSpace(how.text), out, err
	case *Dictionary:
		name, _ := how.Get("Name")
		if name == nil {
			name, _ = how.Get("Label")
		}
		code, _ := how.Get("Expression")
		label, out, err := r.keyOf(v, code)
		if name != nil {
			label = toString(name)
		}
		return label, out, err
	}
	return toString(how), read(v, toString(how)), nil
}

func sortObject(x *execution) (stage, error) {
	return gather(x, func(items []any) error {
		by := asList(x.arg("Property"))
		if x.arg("Property") == nil {
			by = nil
		}
		keys := make([][]any, len(items))
		places := make([]int, len(items))
		for i, item := range items {
			places[i] = i
			for _, how := range by {
				_, k, err := x.r.keyOf(item, how)
				if err != nil {
					return err
				}
				keys[i] = append(keys[i], k)
			}
			if by == nil {
				keys[i] = []any{item}
			}
		}
		compare := func(a, b int) int {
			for i := range keys[a] {
				n, err := order(keys[a][i], keys[b][i], false)
				if err != nil {
					n = strings.Compare(toString(keys[a][i]), toString(keys[b][i]))
				}
				if n != 0 {
					if x.on("Descending") {
						return -n
					}
					return n
				}
			}
			return 0
		}
		sort.SliceStable(places, func(i, j int) bool { return compare(places[i], places[j]) < 0 })
		for i, at := range places {
			if x.on("Unique") && i > 0 && compare(places[i-1], at) == 0 {
				continue
			}
			if err := x.emit(items[at]); err != nil {
				return err
			}
		}
		return nil
	}), nil
}

func getDate(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		now := x.r.now()
		if given, ok := x.arg("Date").(time.Time); ok {
			now = given
		}
		if x.has("Format") {
			return formatTime(now, toString(x.arg("Format"))), nil
		}
		return now, nil
	})(x)
}
