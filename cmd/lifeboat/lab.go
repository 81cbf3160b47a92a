package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// defaultSpeed is simulated seconds per real second: a business hour in two
// minutes.
const defaultSpeed = 30

var (
	environmentFlag = &cli.StringFlag{Name: "environment", Aliases: []string{"e"}, Value: "northgate", Usage: "a shipped environment, a YAML file, or generate:VMS,HOSTPAIRS,FREQUENCY"}
	speedFlag       = &cli.Float64Flag{Name: "speed", Value: defaultSpeed, Usage: "simulated seconds per real second"}
	seedFlag        = &cli.Int64Flag{Name: "seed", Value: 1, Usage: "seed of everything random in the lab"}
	powershellFlag  = &cli.StringFlag{Name: "powershell", Usage: "run host scripts in this real PowerShell instead of the lab's interpreter"}
)

// dialectFlag chooses how the simulated hosts read what the documentation leaves
// open.
var dialectFlag = &cli.StringFlag{Name: "dialect", Value: "plain", Usage: "how hosts read what Microsoft's documentation leaves open: plain, all, or names by commas"}

// dialectFileFlag plays what a self-test found.
var dialectFileFlag = &cli.StringFlag{Name: "dialect-file", Usage: "the trace of a self-test: hosts do what it found"}

func labCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "lab", Usage: "simulated Hyper-V hosts on real WinRM ports, to try everything without Windows",
		Flags: []cli.Flag{environmentFlag, speedFlag, seedFlag, powershellFlag, dialectFlag, dialectFileFlag,
			&cli.StringFlag{Name: "write-config", Usage: "write a configuration for these hosts into this folder"},
			&cli.StringFlag{Name: "control", Value: "127.0.0.1:0", Usage: "address of the control port (ground truth, faults)"},
		},
		Action: func(c *cli.Context) error {
			if err := none(c); err != nil {
				return err
			}
			l, err := startLab(c, c.String("control"))
			if err != nil {
				return err
			}
			defer l.Close()
			if dir := c.String("write-config"); dir != "" {
				if err := l.WriteConfig(dir); err != nil {
					return fail(exitUsage, "%v", err)
				}
				t.say("Configuration  %s", dir)
			}
			sayLab(t, c, l)
			t.say("Stop with Ctrl-C.")
			<-c.Context.Done()
			return nil
		},
	}
}

func startLab(c *cli.Context, control string) (*lab.Lab, error) {
	env, err := environment.Load(c.String("environment"))
	if err != nil {
		return nil, fail(exitUsage, "%v", err)
	}
	if speed := c.Float64("speed"); speed <= 0 || speed > 10_000 {
		return nil, usage("--speed is %g: write a number above 0, at most 10000", speed)
	}
	dialect, err := dialectOf(c)
	if err != nil {
		return nil, err
	}
	l, err := lab.Start(lab.Options{
		Environment: env, Dialect: dialect, Seed: c.Int64("seed"), Speed: c.Float64("speed"),
		Control: control, PowerShell: c.String("powershell"),
	})
	if err != nil {
		return nil, fail(exitUsage, "the lab does not start: %v", err)
	}
	return l, nil
}

// dialectOf is the dialect of --dialect or --dialect-file.
func dialectOf(c *cli.Context) (hypervisor.Dialect, error) {
	name := c.String("dialect-file")
	if name == "" {
		d, err := hypervisor.DialectNamed(c.String("dialect"))
		if err != nil {
			err = usage("--dialect: %v", err)
		}
		return d, err
	}
	if c.IsSet("dialect") {
		return hypervisor.Dialect{}, usage("--dialect and --dialect-file: leave one of them out")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return hypervisor.Dialect{}, usage("--dialect-file: %v", err)
	}
	d, err := hypervisor.DialectOfTrace(text)
	if err != nil {
		err = usage("--dialect-file %s: %v", name, err)
	}
	return d, err
}

func sayLab(t terminal, c *cli.Context, l *lab.Lab) {
	engine := "the lab's interpreter"
	if path := c.String("powershell"); path != "" {
		engine = "the real engine " + path
	}
	t.say("Simulated hosts of %s; 1 s here is %g s there; seed %d.", c.String("environment"), c.Float64("speed"), c.Int64("seed"))
	t.say("PowerShell     %s", engine)
	if d := l.Farm().Options().Dialect.Name; d != "plain" {
		t.say("Dialect        %s", d)
	}
	for _, h := range l.Hosts() {
		t.say("%-14s %s", h.Name, fmt.Sprintf("https://%s", h.HTTPS))
	}
	t.say("Control        http://%s/state", l.ControlAddr())
}
