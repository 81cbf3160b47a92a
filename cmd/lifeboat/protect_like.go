package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// protectLike protects a VM that the configuration does not know as another one is:
// look, say what will happen and what will be written, ask, write, start.
func protectLike(t terminal, c *cli.Context, name string, asJSON bool) error {
	now := time.Now().UTC()
	request := plans.ProtectionRequest{
		Operation: plans.Protect, TurnOn: c.Bool("turn-on-replica-server"), By: who(c), Reason: c.String("reason"), RunID: now.Format("20060102-150405"),
	}
	ahead, err := seedOf(c, &request, now)
	if err != nil {
		return err
	}
	like := plans.LikeRequest{VM: name, Like: c.String("like"), To: c.String("to"), FailoverIP: c.String("failover-ip")}
	look, err := worker.LookAtLike(c.Context, c.String("config"), c.String("data"), like, request, ahead)
	if err != nil {
		return likeError(t, name, err)
	}
	words := t
	if asJSON {
		words.out = t.err // the report alone goes to the output
	}
	if look.Known {
		words.wrapped("", 0, fmt.Sprintf("The configuration has %s already, beside %s: nothing is written.", plain(name), plain(like.Like)))
		return begin(t, c, look.Look, asJSON)
	}
	showLike(words, look, request.Seed)
	if look.Blocked() {
		return fail(exitRefused, "REFUSED  %s was not protected. Nothing was changed.", plain(look.VM.Name))
	}
	if c.Bool("dry-run") {
		if asJSON {
			return t.json(look)
		}
		showAdds(words, look.Adds)
		if c.Bool("native") {
			showExplanation(words, look.Look, true)
		}
		words.say("Dry run: nothing was changed.")
		return nil
	}
	if err := askName(words, c, look.Look.Input.Plan); err != nil {
		return err
	}
	return writeAndLaunch(t, words, c, look, asJSON)
}

// writeAndLaunch writes the VM into the configuration once the engine is known to be
// there, and starts the run.
func writeAndLaunch(t, words terminal, c *cli.Context, look *worker.LikeLook, asJSON bool) error {
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	client.Close()
	names, err := look.Write()
	switch {
	case err != nil && len(names) > 0:
		return fail(exitStuck, "STUCK  %s has %s now, and the rest could not be written: %v. No run was started.\n  Do     put %s.before back, or write the rest: --dry-run shows the lines", names[0], plain(look.VM.Name), err, names[0])
	case err != nil:
		return fail(exitRefused, "REFUSED  nothing was written and no run was started: %v", err)
	}
	for _, name := range names {
		words.say("Wrote    %s", name)
	}
	if err := launch(t, words, c, look.Look, asJSON); err != nil {
		var f *failure
		if errors.As(err, &f) && (f.code == exitBusy || f.code == exitNoAccess) {
			words.wrapped("", 0, fmt.Sprintf("The configuration has %s now, and it is NOT PROTECTED: lifeboat protect %s", plain(look.VM.Name), shellWord(strings.TrimPrefix(look.Look.Input.Plan, plans.ProtectionPlan("")))))
		}
		return err
	}
	return nil
}

// showLike says what will happen, and what was looked at.
func showLike(t terminal, look *worker.LikeLook, seed plans.SeedPlan) {
	in := look.Look.Input
	t.say("PROTECT  %s like %s  %s -> %s", plain(look.VM.Name), plain(look.Like), in.From, in.To)
	t.say("Will do on %s:", plain(look.Host))
	for i, text := range look.Steps {
		t.wrapped(fmt.Sprintf("%3d ", i+1), 4, text)
	}
	t.wrapped("Checks: ", 8, strings.Join(look.Checks, ", "))
	showFindings(t, look.Findings)
	showFindings(t, look.Look.Findings)
	if seed.How == plans.SeedNetwork && seed.At.IsZero() {
		t.say(`Seed instead by USB disk: --seed usb:E:\   later: --at 20:00`)
	}
	t.wrapped("Way back: ", 10, look.Look.Prediction.WayBack)
}

// showAdds shows the lines that come into the configuration.
func showAdds(t terminal, adds []plans.Insertion) {
	if len(adds) == 0 {
		return
	}
	for _, i := range adds {
		t.say("")
		head := fmt.Sprintf("%s, behind line %d:", i.File, i.After)
		if strings.HasPrefix(i.Text, ",") {
			head = fmt.Sprintf("%s, in line %d:", i.File, i.After)
		}
		t.say("%s", head)
		for _, line := range strings.Split(strings.Trim(strings.ReplaceAll(i.Text, "\r\n", "\n"), "\n"), "\n") {
			t.say("%s", plain(line)) // as it is: it is copied
		}
	}
	t.say("")
}

// likeError says why nothing is done, with what to do, and what a person may write.
func likeError(t terminal, vm string, err error) error {
	var refused *plans.Refusal
	var place *plans.PlaceError
	switch {
	case errors.As(err, &refused):
		showAdds(terminal{out: t.err}, refused.Lines)
		return fail(exitRefused, "REFUSED  %s. Nothing was changed.\n  Do     %s", plain(refused.What), plain(refused.Do))
	case errors.As(err, &place):
		showAdds(terminal{out: t.err}, place.Lines)
		return fail(exitRefused, "REFUSED  it cannot be written by itself: %v. Nothing was changed.\n  Do     write the lines above behind those lines, then: lifeboat protect %s", place, shellWord(vm))
	}
	return &failure{exitUsage, err}
}

// notYet is the commonest false belief, put right: that a VM is protected once it
// replicates.
func notYet(in plans.RunInput, tells bool) string {
	vms := in.VMs()
	if in.Seed.How != plans.SeedNetwork || len(vms) != 1 {
		return "NOT PROTECTED YET, until the first copies have arrived."
	}
	text := plain(vms[0].Label) + " is NOT PROTECTED YET. First copy 0 %."
	if tells {
		text += " I will tell you when it is."
	}
	return text
}

// tells is true where the configuration says whom to tell.
func tells(c *cli.Context) bool {
	cfg, err := worker.LoadConfiguration(c.String("config"))
	return err == nil && cfg.Alerts != nil && len(cfg.Alerts.To) > 0
}
