package cmdlet

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// contract is what Microsoft's Hyper-V module promises: the parameters, sets,
// aliases and types of the cmdlets served here. docs/decisions/0004-lab-contract.md
// says where it comes from; contract_test.go makes it.
type contract struct {
	Source  []string              `json:"source"`
	Cmdlets map[string]cmdletDoc  `json:"cmdlets"`
	Enums   map[string][]enumWord `json:"enums"`
	Classes map[string]classDoc   `json:"classes"`

	infos map[string]*powershell.CommandInfo // by name in lower case
}

type cmdletDoc struct {
	DefaultSet    string     `json:"default_set,omitempty"`
	ShouldProcess bool       `json:"should_process,omitempty"`
	ConfirmImpact string     `json:"confirm_impact,omitempty"`
	Params        []paramDoc `json:"params"`
}

type paramDoc struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Switch   bool              `json:"switch,omitempty"`
	Aliases  []string          `json:"aliases,omitempty"`
	NotNull  bool              `json:"not_null,omitempty"`
	Validate []string          `json:"validate,omitempty"`
	Sets     map[string]setDoc `json:"sets"`
}

type setDoc struct {
	Mandatory bool   `json:"mandatory,omitempty"`
	Position  *int   `json:"position,omitempty"` // nil: by name only
	Pipeline  string `json:"pipeline,omitempty"` // value, property, value+property
}

type enumWord struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

type classDoc struct {
	Base       string        `json:"base,omitempty"`
	Properties []propertyDoc `json:"properties,omitempty"`
}

type propertyDoc struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

//go:embed contract.json
var contractText []byte

var readContract = sync.OnceValue(func() *contract {
	var c contract
	if err := json.Unmarshal(contractText, &c); err != nil {
		panic(fmt.Sprintf("contract.json is damaged: %v", err)) // it is compiled in
	}
	c.infos = map[string]*powershell.CommandInfo{}
	for name, doc := range c.Cmdlets {
		c.infos[strings.ToLower(name)] = c.info(name, doc)
	}
	return &c
})

// space is the namespace of the module's types.
const space = "Microsoft.HyperV.PowerShell."

// bare is a parameter's type without Nullable and brackets: what one value is.
func bare(t string) string {
	if inner, ok := strings.CutPrefix(t, "System.Nullable["); ok {
		t = strings.TrimSuffix(inner, "]")
	}
	if inner, ok := strings.CutPrefix(t, "Nullable<"); ok {
		t = strings.TrimSuffix(inner, ">")
	}
	return strings.TrimSuffix(t, "[]")
}

// isNullable tells whether $null may stand for the type.
func isNullable(t string) bool {
	return strings.HasPrefix(t, "System.Nullable[") || strings.HasPrefix(t, "Nullable<")
}

// words are the names of an enum, nil when the type is none.
func (c *contract) words(t string) []string {
	var out []string
	for _, w := range c.Enums[bare(t)] {
		out = append(out, w.Name)
	}
	return out
}

// enum is a value of an enum with its real number. A name that the contract
// does not know is a defect of this package.
func (c *contract) enum(t, name string) powershell.Enum {
	for _, w := range c.Enums[t] {
		if strings.EqualFold(w.Name, name) {
			return powershell.Enum{Type: space + t, Name: w.Name, Value: w.Value}
		}
	}
	panic(fmt.Sprintf("enum %s has no %q", t, name))
}

// info is a cmdlet as PowerShell's binder needs it.
func (c *contract) info(name string, doc cmdletDoc) *powershell.CommandInfo {
	info := &powershell.CommandInfo{
		Name: name, DefaultSet: doc.DefaultSet, ConfirmImpact: doc.ConfirmImpact, ShouldProcess: doc.ShouldProcess, ErrorClass: c.class(name),
	}
	for _, p := range doc.Params {
		info.Parameters = append(info.Parameters, c.parameter(p))
	}
	return info
}

func (c *contract) parameter(p paramDoc) powershell.Parameter {
	out := powershell.Parameter{Name: p.Name, Switch: p.Switch, Aliases: p.Aliases, Sets: map[string]powershell.SetInfo{}, Enum: c.words(p.Type)}
	out.Type = bare(p.Type)
	if strings.HasSuffix(p.Type, "[]") {
		out.Type += "[]"
	}
	for name, s := range p.Sets {
		set := powershell.SetInfo{Mandatory: s.Mandatory, Position: -1, Pipeline: strings.ReplaceAll(s.Pipeline, "+", ",")}
		if s.Position != nil {
			set.Position = *s.Position
		}
		out.Sets[name] = set
	}
	return out
}

// class is the class that ends a cmdlet's FullyQualifiedErrorId.
func (c *contract) class(cmdlet string) string {
	bare := strings.ReplaceAll(cmdlet, "-", "")
	switch {
	case ofCluster(cmdlet):
		return clusterClass(cmdlet)
	case strings.Contains(cmdlet, "-Cim"):
		return "Microsoft.Management.Infrastructure.CimCmdlets." + bare + "Command"
	case strings.HasSuffix(cmdlet, "Item"):
		return "Microsoft.PowerShell.Commands." + bare + "Command"
	case cmdlet == "ConvertTo-HgsKeyProtector", cmdlet == "Get-HgsClientConfiguration", cmdlet == "Get-BitLockerVolume":
		return cmdlet // functions of a module
	}
	return space + "Commands." + bare
}

// names are the cmdlets of the contract, sorted.
func (c *contract) names() []string {
	var out []string
	for n := range c.Cmdlets {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}
