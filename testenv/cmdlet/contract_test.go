package cmdlet

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make contract.json again from the full description of the module")

// The full description is large and lives beside the checkout; where it is
// missing the shipped contract stands as it is.
const fullDescription = "../../../shared/hyperv/cmdlets.json"

type fullDoc struct {
	Cmdlets map[string]struct {
		Reflected *struct {
			ShouldProcess bool               `json:"should_process"`
			ConfirmImpact string             `json:"confirm_impact"`
			DefaultSet    string             `json:"default_set"`
			Params        ordered[fullParam] `json:"params"`
		} `json:"reflected"`
	} `json:"cmdlets"`
	Types map[string]struct {
		Kind       string          `json:"kind"`
		Base       string          `json:"base"`
		Values     ordered[int64]  `json:"values"`
		Properties ordered[string] `json:"properties"`
	} `json:"types"`
}

type fullParam struct {
	Type     string   `json:"type"`
	Switch   bool     `json:"switch"`
	Aliases  []string `json:"aliases"`
	NotNull  bool     `json:"not_null"`
	Validate []string `json:"validate"`
	Sets     map[string]struct {
		Mandatory bool `json:"mandatory"`
		Position  any  `json:"position"`
		Pipeline  any  `json:"pipeline"`
	} `json:"sets"`
}

// ordered is a JSON object in the order in which it was written.
type ordered[T any] []struct {
	Name  string
	Value T
}

func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t == nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		*o = append(*o, struct {
			Name  string
			Value T
		}{name.(string), v})
	}
	return nil
}

func TestContractIsThatOfTheModule(t *testing.T) {
	text, err := os.ReadFile(fullDescription)
	if err != nil {
		t.Skip("the full description of the module is not here")
	}
	var full fullDoc
	if err := json.Unmarshal(text, &full); err != nil {
		t.Fatal(err)
	}
	made := written(t, compact(t, &full))
	if *update {
		if err := os.WriteFile("contract.json", made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(bytes.TrimSpace(made), bytes.TrimSpace(contractText)) {
		t.Error("contract.json is not what the description gives: run go test ./testenv/cmdlet -run Contract -update")
	}
}

// written is the contract as text, a line for each thing it describes.
func written(t *testing.T, c *contract) []byte {
	var out bytes.Buffer
	line := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	fmt.Fprintf(&out, "{\"source\": %s", line(c.Source))
	section(&out, "cmdlets", c.Cmdlets, line)
	section(&out, "enums", c.Enums, line)
	section(&out, "classes", c.Classes, line)
	out.WriteString("}\n")
	return out.Bytes()
}

func section[T any](out *bytes.Buffer, name string, things map[string]T, line func(any) string) {
	fmt.Fprintf(out, ",\n%q: {", name)
	for i, key := range slices.Sorted(maps.Keys(things)) {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(out, "\n%q: %s", key, line(things[key]))
	}
	out.WriteString("}")
}

func compact(t *testing.T, full *fullDoc) *contract {
	out := &contract{
		Source: []string{
			"github.com/MicrosoftDocs/windows-powershell-docs, docset/winserver2025-ps/Hyper-V (CC-BY-4.0, code MIT)",
			"github.com/dsccommunity/HyperVDsc, tests/Unit/Stubs/Hyper-V.stubs.psm1 (MIT)",
			"github.com/dsccommunity/FailoverClusterDsc, tests/Unit/Stubs/FailoverClusters.stubs.psm1 (MIT)",
		},
		Cmdlets: map[string]cmdletDoc{}, Enums: map[string][]enumWord{}, Classes: map[string]classDoc{},
	}
	types, beyond := map[string]bool{}, described()
	for name := range served {
		if doc, ok := beyond[name]; ok {
			out.Cmdlets[name] = doc
			continue
		}
		r := full.Cmdlets[name].Reflected
		if r == nil {
			t.Fatalf("%s is not described", name)
		}
		doc := cmdletDoc{DefaultSet: r.DefaultSet, ShouldProcess: r.ShouldProcess, ConfirmImpact: r.ConfirmImpact}
		for _, p := range r.Params {
			doc.Params = append(doc.Params, compactParam(p.Name, p.Value))
			types[bare(p.Value.Type)] = true
		}
		out.Cmdlets[name] = doc
	}
	for _, name := range emitted {
		types[name] = true
		for _, p := range full.Types[space+name].Properties {
			types[strings.TrimSuffix(bare(p.Value), ">")] = true
		}
	}
	for name := range types {
		doc, ok := full.Types[space+name]
		switch {
		case !ok:
			continue
		case doc.Kind == "enum":
			for _, v := range doc.Values {
				out.Enums[name] = append(out.Enums[name], enumWord{v.Name, v.Value})
			}
		case slices.Contains(emitted, name):
			c := classDoc{Base: bases[name]}
			for _, p := range doc.Properties {
				c.Properties = append(c.Properties, propertyDoc{p.Name, p.Value})
			}
			out.Classes[name] = c
		}
	}
	return out
}

// emitted are the classes whose objects the cmdlets give.
var emitted = []string{
	"HardDiskDrive", "VMHost", "VMHostSupportedVersion", "VMNetworkAdapter", "VMNetworkAdapterFailoverSetting", "VMReplication",
	"VMReplicationAuthorizationEntry", "VMReplicationHealth", "VMReplicationServer", "VMSecurity", "VMSnapshot", "VMSwitch", "VirtualMachine",
}

var bases = map[string]string{
	"HardDiskDrive": "Drive", "VirtualMachine": "VirtualMachineBase", "VMSnapshot": "VirtualMachineBase",
	"VMNetworkAdapter": "VMNetworkAdapterBase",
}

func compactParam(name string, p fullParam) paramDoc {
	out := paramDoc{Name: name, Type: p.Type, Switch: p.Switch, Aliases: p.Aliases, NotNull: p.NotNull, Validate: p.Validate, Sets: map[string]setDoc{}}
	for set, s := range p.Sets {
		doc := setDoc{Mandatory: s.Mandatory}
		switch at := s.Position.(type) {
		case float64:
			n := int(at)
			doc.Position = &n
		case string:
			if n, err := strconv.Atoi(at); err == nil {
				doc.Position = &n
			}
		}
		if how, ok := s.Pipeline.(string); ok {
			doc.Pipeline = how
		}
		out.Sets[set] = doc
	}
	return out
}

func TestEveryServedCmdletIsInTheContract(t *testing.T) {
	c := readContract()
	for name, s := range served {
		doc, ok := c.Cmdlets[name]
		if !ok {
			t.Errorf("%s is served and not in contract.json", name)
		}
		for _, p := range s.params {
			if !slices.ContainsFunc(doc.Params, func(d paramDoc) bool { return d.Name == p }) {
				t.Errorf("%s has no parameter %s", name, p)
			}
		}
	}
	if len(c.Cmdlets) != len(served) {
		t.Errorf("contract.json has %d cmdlets, %d are served", len(c.Cmdlets), len(served))
	}
}

// The numbers of PowerShell's states differ from those of WMI: these are
// PowerShell's (Hyper-V module, VMReplicationState).
func TestNumbersOfStates(t *testing.T) {
	c := readContract()
	for name, number := range map[string]int64{"Disabled": 0, "Replicating": 4, "PreparedForFailover": 5, "FailedOverWaitingCompletion": 6, "Error": 9} {
		if e := c.enum("VMReplicationState", name); e.Value != number {
			t.Errorf("%s is %d, want %d", name, e.Value, number)
		}
	}
}
