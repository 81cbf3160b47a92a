package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// version is set by the build (-ldflags -X main.version=...).
var version = "0.1.0-dev"

// Flags that many commands share; one name means one thing everywhere.
var (
	configFlag = &cli.StringFlag{Name: "config", Aliases: []string{"c"}, Value: "./site", EnvVars: []string{"LIFEBOAT_CONFIG"}, Usage: "configuration: a YAML file or a folder of them"}
	dataFlag   = &cli.StringFlag{Name: "data", Value: "./data", EnvVars: []string{"LIFEBOAT_DATA"}, Usage: "data folder of the engine"}
	outputFlag = &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "text", EnvVars: []string{"LIFEBOAT_OUTPUT"}, Usage: "text or json"}
	byFlag     = &cli.StringFlag{Name: "by", EnvVars: []string{"LIFEBOAT_BY"}, Usage: "who does this, for the record (default: the login name)"}
	reasonFlag = &cli.StringFlag{Name: "reason", Aliases: []string{"m"}, Usage: "why, for the record"}
	yesFlag    = &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask for the plan's name, or the hosts, typed back"}
	autoFlag   = &cli.BoolFlag{Name: "auto", Usage: "a lab operator answers manual steps (lab configurations only)"}
	dryRunFlag = &cli.BoolFlag{Name: "dry-run", Usage: "say what would happen and change nothing"}
	nativeFlag = &cli.BoolFlag{Name: "native", Usage: "show the native PowerShell commands of each step"}
	toFlag     = &cli.StringFlag{Name: "to", Usage: "target site (default: the plan's own)"}
	vmFlag     = &cli.StringSliceFlag{Name: "vm", Usage: "a VM, by name or GUID; may be repeated"}
)

// newApp builds the command tree over a terminal.
func newApp(t terminal) *cli.App {
	// The library has no other way to keep help texts to a width.
	cli.HelpPrinter = narrowHelp
	return &cli.App{
		Name:                 "lifeboat",
		Usage:                "disaster recovery for Hyper-V Replica",
		Version:              version,
		Writer:               t.out,
		ErrWriter:            t.err,
		Compiled:             time.Time{},
		EnableBashCompletion: true,
		HideHelpCommand:      true,
		// The default handler calls os.Exit inside Run and skips defers.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usage("%v", err)
		},
		Description: exitHelp,
		Commands: withUsageErrors([]*cli.Command{
			demoCommand(t), labCommand(t), upCommand(t),
			checkCommand(t), statusCommand(t), readyCommand(t), certCommand(t), planCommand(t),
			decideCommand(t), failoverCommand(t), cancelCommand(t), commitCommand(t), reprotectCommand(t), failbackCommand(t), replaceHostCommand(t), fenceCommand(t),
			initCommand(t), protectCommand(t), unprotectCommand(t),
			runCommand(t),
			scheduleCommand(t), drillCommand(t), canaryCommand(t), repairCommand(t), orphansCommand(t), rpoCommand(t), alertsCommand(t), journalCommand(t), reportCommand(t), selftestCommand(t), completionCommand(t),
		}),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("unknown command %q: see lifeboat --help", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// narrowHelp prints a help text folded to the width, each line under its own
// indent.
func narrowHelp(out io.Writer, template string, data any) {
	var b bytes.Buffer
	cli.HelpPrinterCustom(&b, template, data, nil)
	t := terminal{out: out}
	for _, line := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		if len([]rune(line)) <= width {
			t.say("%s", line)
			continue
		}
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body) + 4
		head, rest, columns := strings.Cut(body, "  ")
		if !columns {
			t.wrapped(strings.Repeat(" ", indent-4), indent-4, body)
			continue
		}
		t.say("%s%s", strings.Repeat(" ", indent-4), head)
		t.wrapped("", indent, strings.TrimSpace(rest))
	}
}

const exitHelp = `lifeboat alone is lifeboat status where there is a configuration. To get one:
lifeboat init (of your hosts) or lifeboat lab --write-config ./site (simulated).

Exit codes
  0 done, ready, clean          5 stuck: changed, and it needs you
  1 finding: not ready          6 unknown: cannot see
  2 usage or configuration      7 stopped by a person: changed, safe
  3 no access                   8 busy: another run holds it
  4 refused: nothing changed  130 you stopped watching; the run goes on`

// withUsageErrors makes every command answer wrong flags with exit code 2, and
// every group answer a missing or unknown sub-command with it.
func withUsageErrors(commands []*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usage("%v", err) }
		c.HideHelpCommand = true
		if len(c.Subcommands) == 0 {
			continue
		}
		withUsageErrors(c.Subcommands)
		if c.Action == nil {
			c.Action = func(ctx *cli.Context) error {
				if ctx.Args().Present() {
					return usage("unknown command %q: see lifeboat %s --help", ctx.Args().First(), ctx.Command.Name)
				}
				_ = cli.ShowSubcommandHelp(ctx)
				return usage("lifeboat %s needs a command", ctx.Command.Name)
			}
		}
	}
	return commands
}

// one returns the only argument of a command, or says what is missing.
func one(c *cli.Context, what string) (string, error) {
	switch c.Args().Len() {
	case 1:
		return c.Args().First(), nil
	case 0:
		return "", usage("%s needs %s: see %s --help", c.Command.Name, what, c.Command.HelpName)
	}
	return "", usage("%s takes one argument (%s), got %d: %q", c.Command.Name, what, c.Args().Len(), c.Args().Slice())
}

func none(c *cli.Context) error {
	if c.Args().Present() {
		return usage("%s takes no argument, got %q", c.Command.Name, c.Args().Slice())
	}
	return nil
}

// asked is what a command begins with: how to answer, and its argument; what "" is
// a command that takes none.
func asked(c *cli.Context, what string) (asJSON bool, name string, err error) {
	if asJSON, err = wantsJSON(c); err != nil {
		return false, "", err
	}
	if what == "" {
		return asJSON, "", none(c)
	}
	name, err = one(c, what)
	return asJSON, name, err
}

// wantsJSON reads --output and refuses other words than text and json.
func wantsJSON(c *cli.Context) (bool, error) {
	switch c.String("output") {
	case "json":
		return true, nil
	case "text", "":
		return false, nil
	}
	return false, usage("--output is %q: write text or json", c.String("output"))
}

func completionCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print shell completion (bash, zsh, powershell)", ArgsUsage: "SHELL",
		Action: func(c *cli.Context) error {
			shell, err := one(c, "a shell")
			if err != nil {
				return err
			}
			script, ok := completions[shell]
			if !ok {
				return usage("completion knows bash, zsh and powershell, not %q", shell)
			}
			_, err = fmt.Fprint(t.out, script)
			return err
		},
	}
}

// completions are the few lines each shell needs to ask the program itself.
var completions = map[string]string{
	"bash": `_lifeboat() {
  local cur="${COMP_WORDS[COMP_CWORD]}" typed=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  [[ "$cur" == -* ]] && typed+=("$cur")
  COMPREPLY=($(compgen -W "$("${typed[@]}" --generate-bash-completion)" -- "$cur"))
}
complete -F _lifeboat lifeboat
`,
	"zsh": `#compdef lifeboat
_lifeboat() {
  local -a found
  found=("${(@f)$("${words[@]:0:#words[@]-1}" --generate-bash-completion)}")
  _describe 'lifeboat' found
}
compdef _lifeboat lifeboat
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName lifeboat -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | ForEach-Object { "$_" } | Select-Object -SkipLast ([int]($word -ne '')))
  & $words[0] @($words | Select-Object -Skip 1) --generate-bash-completion |
    Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`,
}
