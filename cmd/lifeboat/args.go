package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags that stand after an argument in front of it:
// urfave/cli v2 stops reading flags at the first argument and drops the rest
// in silence, so that `failover web --planned` would not be planned.
//
// Everything after a lone -- stays as it is.
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 || args[len(args)-1] == "--generate-bash-completion" {
		return args, nil // a shell asks for the next word: it may be half typed
	}
	out := []string{args[0]}
	flags, commands := everyFlag(app.Flags, app.Commands), app.Commands
	var options, plain []string
	var own []cli.Flag // of the command that was named
	rest := args[1:]
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		if word == "--" {
			plain = append(plain, append([]string{"--"}, rest...)...)
			break
		}
		if isFlag(word) {
			options = append(options, word)
			if takesValue(slices.Concat(own, flags), word) && len(rest) > 0 {
				options = append(options, rest[0])
				rest = rest[1:]
			}
			continue
		}
		if next := commandNamed(commands, word); next != nil && len(plain) == 0 {
			// Options before a command's name go to the command: every
			// command knows them all, and people write them anywhere.
			out = append(out, word)
			commands, own = next.Subcommands, next.Flags
			continue
		}
		if len(commands) > 0 && len(plain) == 0 {
			return nil, usage("unknown command %q after %q%s", word, strings.Join(out[1:], " "), suggestion(commands, word))
		}
		plain = append(plain, word)
	}
	return append(append(out, options...), plain...), nil
}

// everyFlag gathers the flags of all commands, so that a flag is understood
// wherever it stands; behind a command's name that command's own goes first.
func everyFlag(flags []cli.Flag, commands []*cli.Command) []cli.Flag {
	all := append([]cli.Flag(nil), flags...)
	for _, c := range commands {
		all = append(all, everyFlag(c.Flags, c.Subcommands)...)
	}
	return all
}

func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// takesValue is true for a flag that reads the next word.
func takesValue(flags []cli.Flag, word string) bool {
	name := strings.TrimLeft(word, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				_, isBool := f.(*cli.BoolFlag)
				return !isBool
			}
		}
	}
	return false
}

func commandNamed(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// suggestion names what the person may have meant.
func suggestion(commands []*cli.Command, word string) string {
	for _, c := range commands {
		if strings.HasPrefix(c.Name, word) || strings.HasPrefix(word, c.Name) {
			return fmt.Sprintf(": did you mean %q?", c.Name)
		}
	}
	return ""
}
