package powershell

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

func toJSONCommand(x *execution) (stage, error) {
	st := gather(x, func(items []any) error {
		var v any = items
		if len(items) == 1 {
			v = items[0]
		}
		if len(items) == 0 || v == nil && !x.has("InputObject") {
			return nil
		}
		depth := 2
		if x.has("Depth") {
			depth = int(toLong(x.arg("Depth")))
		}
		text := ToJSON(v, depth)
		if !x.on("Compress") {
			text = indent(text)
		}
		return x.emit(text)
	})
	return st, nil
}

// indent writes JSON over lines, two spaces after a colon as 5.1 does.
func indent(text string) string {
	var out strings.Builder
	var raw json.RawMessage = []byte(text)
	pretty, err := json.MarshalIndent(raw, "", "    ")
	if err != nil {
		return text
	}
	out.Write(pretty)
	return strings.ReplaceAll(strings.ReplaceAll(out.String(), "\": ", "\":  "), "\n", "\r\n")
}

func fromJSONCommand(x *execution) (stage, error) {
	return gather(x, func(items []any) error {
		v, err := parseJSON(joinText(items, "\n"))
		if err != nil {
			return &thrown{record: &ErrorRecord{ID: "System.ArgumentException," + x.bound.class, Category: "NotSpecified",
				Message: "Invalid JSON primitive: " + err.Error() + ".", Type: "System.ArgumentException", HResult: "0x80070057"}}
		}
		return x.emit(v)
	}), nil
}

func writeOutput(x *execution) (stage, error) {
	return &stageFuncs{each: x.emit, end: func() error {
		if !x.has("InputObject") {
			return nil
		}
		if x.on("NoEnumerate") {
			return x.emit(x.arg("InputObject"))
		}
		return spread(x.arg("InputObject"), x.emit)
	}}, nil
}

func writeHost(x *execution) (stage, error) {
	put := func(v any) error {
		end := "\r\n"
		if x.on("NoNewline") {
			end = ""
		}
		_, err := fmt.Fprint(x.r.stdout, toString(v)+end)
		return err
	}
	return &stageFuncs{each: put, end: func() error {
		if x.piped {
			return nil
		}
		return put(x.arg("Object"))
	}}, nil
}

func writeWarning(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		_, err := fmt.Fprintf(x.r.stdout, "WARNING: %s\r\n", toString(x.arg("Message")))
		return void{}, err
	})(x)
}

func writeError(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		id, category := "Microsoft.PowerShell.Commands.WriteErrorException", "NotSpecified"
		if x.has("ErrorId") {
			id = toString(x.arg("ErrorId"))
		}
		if x.has("Category") {
			category = toString(x.arg("Category"))
		}
		return void{}, x.report(&ErrorRecord{ID: id, Category: category, Message: toString(x.arg("Message")),
			Type: "Microsoft.PowerShell.Commands.WriteErrorException", HResult: "0x80131500"})
	})(x)
}

func newObject(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		args, _ := x.arg("ArgumentList").([]any)
		v, err := construct(toString(x.arg("TypeName")), args)
		if o, ok := v.(*Object); ok {
			if d, ok := x.arg("Property").(*Dictionary); ok {
				for _, key := range d.keys {
					item, _ := d.Get(key)
					o.Set(toString(key), item)
				}
			}
		}
		return v, err
	})(x)
}

func startSleep(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		d := time.Duration(toFloat(x.arg("Seconds"))*1e9) + time.Duration(toLong(x.arg("Milliseconds")))*time.Millisecond
		select {
		case <-time.After(d):
			return void{}, nil
		case <-x.r.ctx.Done():
			return nil, x.r.ctx.Err()
		}
	})(x)
}

func getVariable(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		name := toString(x.arg("Name"))
		v, ok := x.r.scope.get(name)
		if !ok {
			return void{}, x.report(&ErrorRecord{ID: "VariableNotFound," + x.bound.class, Category: "ObjectNotFound",
				Message: "Cannot find a variable with the name '" + name + "'.", Type: "System.Management.Automation.ItemNotFoundException", HResult: "0x80131501"})
		}
		if x.on("ValueOnly") {
			return plain(v), nil
		}
		return NewObject("System.Management.Automation.PSVariable").Set("Name", name).Set("Value", plain(v)), nil
	})(x)
}

func getCommand(x *execution) (stage, error) {
	return single(func(x *execution) (any, error) {
		name := toString(x.arg("Name"))
		if info := x.r.find(name); info != nil {
			return NewObject("System.Management.Automation.CommandInfo").Set("Name", info.Name), nil
		}
		return void{}, x.report(&ErrorRecord{ID: "CommandNotFoundException," + x.bound.class, Category: "ObjectNotFound",
			Message: "The term '" + name + "' is not recognized as the name of a cmdlet, function, script file, or operable program.",
			Type:    "System.Management.Automation.CommandNotFoundException", HResult: "0x80131501"})
	})(x)
}

// invokeCommand runs a block here, or in guests through PowerShell Direct.
func invokeCommand(x *execution) (stage, error) {
	b, _ := x.arg("ScriptBlock").(*ScriptBlock)
	if !x.has("VMId") {
		return x.r.blockStage(&boundCall{block: b}, x.emit), nil
	}
	return single(func(x *execution) (any, error) {
		user, password := "", ""
		if c, ok := x.arg("Credential").(*Object); ok {
			name, _ := c.Get("UserName")
			secret, _ := c.Get("Password")
			user = toString(name)
			if s, ok := secret.(*SecureString); ok {
				password = s.Reveal()
			}
		}
		for _, id := range asList(x.arg("VMId")) {
			if x.r.s.options.InvokeGuest == nil {
				return nil, soft("PSDirectException", "OpenError", "No guest can be reached from this host.")
			}
			v, e := x.r.s.options.InvokeGuest(x.r.ctx, toString(id), user, password, b.text)
			if e != nil {
				if err := x.report(e); err != nil {
					return nil, err
				}
				continue
			}
			if err := spread(v, x.emit); err != nil {
				return nil, err
			}
		}
		return void{}, nil
	})(x)
}
