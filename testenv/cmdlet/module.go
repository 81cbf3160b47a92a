package cmdlet

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed standin.ps1
var standin string

// WriteModule writes the stand-in Hyper-V module under dir, which then belongs
// on PSModulePath. Its functions have the parameters of the contract and ask
// the Endpoint at $env:LIFEBOAT_LAB_ENDPOINT; $global:LifeboatRequest, when it
// is set, says by whom.
func WriteModule(dir string) error {
	into := filepath.Join(dir, "Hyper-V")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return fmt.Errorf("make the stand-in module: %w", err)
	}
	c := readContract()
	for name, text := range map[string]string{"Hyper-V.psm1": c.module(), "Hyper-V.psd1": c.manifest()} {
		if err := os.WriteFile(filepath.Join(into, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the stand-in module: %w", err)
		}
	}
	return nil
}

func (c *contract) manifest() string {
	return fmt.Sprintf("@{\n    RootModule = 'Hyper-V.psm1'\n    ModuleVersion = '2.0.0.0'\n    GUID = 'af4bddd0-8583-4ff2-84b2-a33f5c8de8a7'\n    Description = 'Stand-in for a simulated host'\n    FunctionsToExport = @('%s')\n    CmdletsToExport = @()\n    AliasesToExport = @()\n}\n", strings.Join(c.names(), "', '"))
}

func (c *contract) module() string {
	var out strings.Builder
	enums := slices.Sorted(maps.Keys(c.Enums))
	for _, name := range enums {
		fmt.Fprintf(&out, "enum %s {\n", name)
		for _, w := range c.Enums[name] {
			fmt.Fprintf(&out, "    %s = %d\n", w.Name, w.Value)
		}
		out.WriteString("}\n")
	}
	for _, name := range c.opaque() {
		fmt.Fprintf(&out, "class %s {}\n", name)
	}
	classes := slices.Sorted(maps.Keys(c.Classes))
	for _, name := range classes {
		base := ""
		if b := c.Classes[name].Base; b != "" {
			base = " : " + b
		}
		fmt.Fprintf(&out, "class %s%s {\n", name, base)
		for _, p := range c.Classes[name].Properties {
			fmt.Fprintf(&out, "    [%s]$%s\n", c.propertyType(p.Type), p.Name)
		}
		out.WriteString("}\n")
	}
	out.WriteString(standin)
	table(&out, "enums", enums)
	table(&out, "classes", classes)
	for _, name := range c.names() {
		c.function(&out, name, c.Cmdlets[name])
	}
	return out.String()
}

func table(out *strings.Builder, name string, types []string) {
	fmt.Fprintf(out, "$script:%s = @{\n", name)
	for _, t := range types {
		fmt.Fprintf(out, "    '%s' = [%s]\n", t, t)
	}
	out.WriteString("}\n")
}

// engineTypes are the types of the contract that every PowerShell has.
var engineTypes = []string{"byte", "string", "int", "int16", "long", "version", "uint32", "uint64", "bool", "guid", "datetime", "timespan", "switch", "pscredential", "psobject", "hashtable", "System.Collections.Specialized.StringCollection"}

// opaque are the types of which the module needs no more than the name.
func (c *contract) opaque() []string {
	found := map[string]bool{}
	for _, doc := range c.Classes {
		if doc.Base != "" {
			found[doc.Base] = true
		}
	}
	for _, doc := range c.Cmdlets {
		for _, p := range doc.Params {
			t := bare(p.Type)
			_, enum := c.Enums[t]
			_, class := c.Classes[t]
			if !enum && !class && !slices.Contains(engineTypes, t) {
				found[t] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// propertyType keeps types that matter to a script: enums, numbers, times. A
// string may be $null, which [string] could not hold.
func (c *contract) propertyType(t string) string {
	one := bare(t)
	known := map[string]string{
		"Boolean": "bool", "Int32": "int", "Int64": "long", "UInt32": "uint32", "UInt64": "uint64", "Guid": "guid",
		"DateTime": "datetime", "TimeSpan": "timespan",
	}[one]
	if _, ok := c.Enums[one]; ok {
		// An enum that is not simulated is $null here and in the interpreter.
		return "System.Nullable[" + one + "]"
	}
	switch {
	case known == "" || strings.HasSuffix(t, "[]"):
		return "object"
	case isNullable(t):
		return "System.Nullable[" + known + "]"
	}
	return known
}

func (c *contract) function(out *strings.Builder, name string, doc cmdletDoc) {
	binding := []string{"PositionalBinding=$false"}
	if doc.DefaultSet != "" {
		binding = append(binding, fmt.Sprintf("DefaultParameterSetName='%s'", doc.DefaultSet))
	}
	if doc.ShouldProcess {
		binding = append(binding, "SupportsShouldProcess", fmt.Sprintf("ConfirmImpact='%s'", or(doc.ConfirmImpact, "Medium")))
	}
	fmt.Fprintf(out, "function %s {\n    [CmdletBinding(%s)]\n    param(\n", name, strings.Join(binding, ", "))
	for i, p := range doc.Params {
		for _, set := range slices.Sorted(maps.Keys(p.Sets)) {
			fmt.Fprintf(out, "        [Parameter(%s)]\n", attributes(set, p.Sets[set]))
		}
		if len(p.Aliases) > 0 {
			fmt.Fprintf(out, "        [Alias('%s')]\n", strings.Join(p.Aliases, "', '"))
		}
		if p.NotNull {
			out.WriteString("        [ValidateNotNull()]\n")
		}
		for _, v := range p.Validate {
			fmt.Fprintf(out, "        [%s]\n", v)
		}
		comma := ","
		if i == len(doc.Params)-1 {
			comma = ""
		}
		fmt.Fprintf(out, "        [%s]$%s%s\n", p.Type, p.Name, comma)
	}
	out.WriteString("    )\n    process {\n")
	if doc.ShouldProcess {
		out.WriteString("        if (-not $PSCmdlet.ShouldProcess('the virtual machine')) { return }\n")
	}
	out.WriteString("        Invoke-LabCmdlet $PSCmdlet $PSBoundParameters\n    }\n}\n")
}

func attributes(set string, s setDoc) string {
	var parts []string
	if set != "*" {
		parts = append(parts, fmt.Sprintf("ParameterSetName='%s'", set))
	}
	if s.Mandatory {
		parts = append(parts, "Mandatory")
	}
	if s.Position != nil {
		parts = append(parts, fmt.Sprintf("Position=%d", *s.Position))
	}
	if strings.Contains(s.Pipeline, "value") {
		parts = append(parts, "ValueFromPipeline")
	}
	if strings.Contains(s.Pipeline, "property") {
		parts = append(parts, "ValueFromPipelineByPropertyName")
	}
	return strings.Join(parts, ", ")
}
