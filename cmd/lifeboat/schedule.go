package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

func scheduleCommand(t terminal) *cli.Command {
	flags := []cli.Flag{configFlag, dataFlag, outputFlag}
	steering := []cli.Flag{configFlag, dataFlag, outputFlag, byFlag, reasonFlag}
	return &cli.Command{Name: "schedule", Usage: "replication schedules: one per host and frequency", Subcommands: []*cli.Command{
		{
			Name: "list", Usage: "all schedules: last tick, next tick, worst RPO", Flags: flags,
			Action: func(c *cli.Context) error { return listSchedules(t, c) },
		},
		{
			Name: "show", Usage: "one schedule: its VMs, what drifted from the configuration", ArgsUsage: "HOST/FREQUENCY", Flags: flags,
			Action: func(c *cli.Context) error { return showSchedule(t, c) },
		},
		{
			Name: "pause", Usage: "ask a host no more until resume (needs --reason)", ArgsUsage: "HOST/FREQUENCY", Flags: steering,
			Action: func(c *cli.Context) error { return steerSchedule(t, c, (*control.Client).PauseSchedule) },
		},
		{
			Name: "resume", Usage: "tick again", ArgsUsage: "HOST/FREQUENCY", Flags: steering,
			Action: func(c *cli.Context) error { return steerSchedule(t, c, (*control.Client).ResumeSchedule) },
		},
	}}
}

// schedules is what every command about schedules begins with. The caller closes
// client.
type schedules struct {
	client *control.Client
	asJSON bool
	list   control.ScheduleList
	id     plans.ScheduleID // the one that was named
}

// openSchedules connects to where they live; one of them must be named, or none may
// be. One that the configuration does not have is refused: it would still answer.
func openSchedules(c *cli.Context, named bool) (s schedules, err error) {
	what := ""
	if named {
		what = "a schedule, HOST/FREQUENCY"
	}
	asJSON, name, err := asked(c, what)
	if err != nil {
		return s, err
	}
	s.asJSON = asJSON
	if named {
		if s.id, err = plans.ParseScheduleID(name); err != nil {
			return s, usage("%v", err)
		}
	}
	if s.list, s.client, err = dialWatch(c); err != nil {
		return s, err
	}
	if named && !slices.Contains(s.list.Wanted, s.id) {
		s.client.Close()
		return s, usage("no schedule %s: lifeboat schedule list names them", s.id)
	}
	return s, nil
}

// dialWatch finds the engine and connects to where its schedules live.
func dialWatch(c *cli.Context) (control.ScheduleList, *control.Client, error) {
	engine, client, err := dial(c)
	if err != nil {
		return control.ScheduleList{}, nil, err
	}
	client.Close()
	list, err := control.Schedules(c.Context, engine)
	if err != nil {
		return list, nil, fail(exitNoAccess, "%v", err)
	}
	if list.Off != "" {
		return list, nil, fail(exitNoAccess, "no replication schedule runs. %s", list.Off)
	}
	client, err = control.DialWatch(c.Context, engine)
	if err != nil {
		return list, nil, fail(exitNoAccess, "%v", err)
	}
	return list, client, nil
}

// scheduleRow is a schedule in a list: its status, or why it gives none.
type scheduleRow struct {
	Name   string                `json:"name"`
	State  string                `json:"state"`
	Status *plans.ScheduleStatus `json:"status,omitempty"`
	Error  string                `json:"error,omitempty"`
}

func rowOf(id plans.ScheduleID, a control.ScheduleAnswer) scheduleRow {
	switch {
	case errors.Is(a.Err, control.ErrNoSchedule):
		return scheduleRow{Name: id.String(), State: "starting"}
	case a.Err != nil:
		return scheduleRow{Name: id.String(), State: "silent", Error: a.Err.Error()}
	}
	return scheduleRow{Name: id.String(), State: a.Status.State(), Status: &a.Status}
}

// exitOfState: what cannot be seen is no finding, and no well-being either.
func exitOfState(state string) int {
	switch state {
	case "well":
		return exitOK
	case "late", "drift", "paused":
		return exitFinding
	}
	return exitUnknown
}

func listSchedules(t terminal, c *cli.Context) error {
	s, err := openSchedules(c, false)
	if err != nil {
		return err
	}
	defer s.client.Close()
	list, code := s.list, exitOK
	if list.Problem != "" {
		code = exitFinding
	}
	rows := make([]scheduleRow, 0, len(list.Wanted))
	for i, a := range s.client.AllSchedules(c.Context, list.Wanted) {
		row := rowOf(list.Wanted[i], a)
		rows, code = append(rows, row), max(code, exitOfState(row.State))
	}
	if s.asJSON {
		err = t.json(struct {
			control.ScheduleList
			Schedules []scheduleRow `json:"schedules"`
		}{list, rows})
		return errors.Join(err, quietly(code))
	}
	t.say("%-24s %-8s %-8s %-8s %-18s %s", "SCHEDULE", "STATE", "LAST", "NEXT", "WORST RPO", "MISSED")
	for _, r := range rows {
		showRow(t, r)
	}
	if len(rows) == 0 {
		t.say("none: the configuration has no protection group")
	}
	if list.Problem != "" {
		t.wrapped("! ", 2, fmt.Sprintf("The configuration in %s changed at %s and is not used: %s", list.Config, list.Since.Local().Format(clock), list.Problem))
		t.wrapped("  ", 2, "The one before goes on. Mend the file: it is read again by itself.")
	}
	return quietly(code)
}

func showRow(t terminal, r scheduleRow) {
	if r.Status == nil {
		t.say("%-24s %-8s", cut(plain(r.Name), 24), r.State)
		if r.Error != "" {
			t.wrapped("  ! ", 4, plain(r.Error))
		}
		return
	}
	s := r.Status
	worst := "-"
	if w := s.Last.Worst; w != nil {
		worst = fmt.Sprintf("%s %s", age(w.RPO.D()), plain(w.Label))
	}
	t.say("%-24s %-8s %-8s %-8s %-18s %d", cut(plain(r.Name), 24), r.State, moment(s.LastTick), moment(s.NextTick), cut(worst, 18), s.Missed)
	for _, line := range scheduleNotes(*s) {
		t.wrapped("  ! ", 4, line)
	}
}

// scheduleNotes are what a person should know of a schedule that is not well.
func scheduleNotes(s plans.ScheduleStatus) (notes []string) {
	l := s.Last
	if p := s.Paused; p != nil {
		notes = append(notes, fmt.Sprintf("paused by %s since %s: %s. Nothing is measured. Go on: lifeboat schedule resume %s",
			plain(p.By), p.Since.Local().Format(day), plain(p.Reason), plain(s.String())))
	}
	if s.Problem != "" {
		notes = append(notes, "the last tick could not be kept: "+plain(s.Problem))
	}
	if !l.Reached && !l.Since.IsZero() {
		notes = append(notes, fmt.Sprintf("%s has not answered since %s: %s. What stands here is old.", plain(s.Host), l.Since.Local().Format(day), plain(l.Why)))
	}
	if l.Late > 0 || l.Unknown > 0 || l.Drift > 0 {
		notes = append(notes, fmt.Sprintf("%d late, %d not known, %d settings drifted: lifeboat schedule show %s", l.Late, l.Unknown, l.Drift, plain(s.String())))
	}
	if l.Skew != nil && (*l.Skew > plans.Duration(skewNoted) || *l.Skew < -plans.Duration(skewNoted)) {
		notes = append(notes, fmt.Sprintf("the clock of %s is %s this machine's", plain(s.Host), ahead(l.Skew.D())))
	}
	return notes
}

// skewNoted is from where on a host's clock is worth a word: Kerberos refuses at
// five minutes.
const skewNoted = 30 * time.Second

const day = "2006-01-02 15:04:05"

func ahead(d time.Duration) string {
	if d < 0 {
		return span(-d) + " behind"
	}
	return span(d) + " ahead of"
}

func moment(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format(clock)
}

// age is a span in the two units that matter.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
	case d >= 10*time.Minute:
		return span(d.Truncate(time.Minute))
	}
	return span(d)
}

func bytesWord(n uint64) string {
	for _, u := range []struct {
		size uint64
		name string
	}{{1 << 40, "TB"}, {1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func showSchedule(t terminal, c *cli.Context) error {
	s, err := openSchedules(c, true)
	if err != nil {
		return err
	}
	defer s.client.Close()
	id := s.id
	status, err := s.client.Schedule(c.Context, id)
	if err != nil {
		return scheduleError(id, err)
	}
	record, err := recordOf(c.Context, c.String("data"), id)
	if err != nil {
		return fail(exitNoAccess, "%v", err)
	}
	code := exitOfState(status.State())
	if s.asJSON {
		err = t.json(struct {
			State  string               `json:"state"`
			Status plans.ScheduleStatus `json:"status"`
			Record plans.TickRecord     `json:"record"`
		}{status.State(), status, record})
		return errors.Join(err, quietly(code))
	}
	t.say("%s  %s", strings.ToUpper(status.State()), plain(id.String()))
	t.wrapped("  ", 2, fmt.Sprintf("last tick %s, next %s; %d ticks, %d missed since %s; late by at most %s",
		moment(status.LastTick), moment(status.NextTick), status.Ticks, status.Missed, status.Started.Local().Format(day), status.MaxLag.D().Round(time.Millisecond)))
	for _, line := range scheduleNotes(status) {
		t.wrapped("  ! ", 4, line)
	}
	showLegs(t, record)
	return quietly(code)
}

func recordOf(ctx context.Context, data string, id plans.ScheduleID) (plans.TickRecord, error) {
	records, err := worker.ReadTicks(ctx, data)
	if err != nil {
		return plans.TickRecord{}, err
	}
	for _, r := range records {
		if r.Schedule == id {
			return r, nil
		}
	}
	return plans.TickRecord{Schedule: id}, nil
}

func showLegs(t terminal, r plans.TickRecord) {
	t.say("")
	t.say("  %-15s %-3s %-10s %-10s %-8s %-9s %s", "VM", "LEG", "RPO", "TARGET", "HEALTH", "BACKLOG", "STATE")
	for _, l := range r.Legs {
		rpo, mark := "not known", " "
		if l.Known {
			rpo = age(l.RPO.D())
		}
		if l.Late() || !l.Known {
			mark = "!"
		}
		backlog := "-"
		if l.Backlog != nil {
			backlog = bytesWord(*l.Backlog)
		}
		t.wrapped(fmt.Sprintf("%s %-15s %-3s %-10s %-10s %-8s %-9s ", mark, cut(plain(l.Label), 15), legShort[l.Leg], rpo, age(l.Target.D()),
			cut(orDash(l.Health, l.ReplicaHealth), 8), backlog), 63, plain(legWords(l)))
	}
	for _, d := range r.Drift {
		t.wrapped("! drift  ", 9, plain(fmt.Sprintf("%s (%s leg): %s is %s, should be %s", d.Label, d.Leg, d.Field, d.Is, d.Should)))
		if d.Manual != "" {
			t.wrapped("         ", 9, plain(d.Manual)+".")
		}
	}
	if len(plans.Correctable(r.Drift)) > 0 {
		t.wrapped("  ", 9, "Set right by a person, or as repair: drift: of the configuration says: lifeboat repair list.")
	}
}

var legShort = map[plans.Leg]string{plans.FirstLeg: "1st", plans.ExtendedLeg: "ext"}

func orDash(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return "-"
}

// legWords are the states of both ends, or why the RPO is not known.
func legWords(l plans.LegStatus) string {
	if !l.Known {
		return l.Why
	}
	if l.ReplicaState == "" || l.State == "" || l.State == l.ReplicaState {
		return orDash(l.State, l.ReplicaState)
	}
	return l.State + "/" + l.ReplicaState
}

func scheduleError(id plans.ScheduleID, err error) error {
	if errors.Is(err, control.ErrNoSchedule) {
		return fail(exitUnknown, "%s is about to start: ask again in a moment", id)
	}
	return fail(exitNoAccess, "%v", err)
}

type steer func(client *control.Client, ctx context.Context, id plans.ScheduleID, by, reason string) (plans.ScheduleStatus, error)

func steerSchedule(t terminal, c *cli.Context, do steer) error {
	s, err := openSchedules(c, true)
	if err != nil {
		return err
	}
	defer s.client.Close()
	id := s.id
	status, err := do(s.client, c.Context, id, who(c), c.String("reason"))
	var no *control.NotAcceptedError
	switch {
	case errors.As(err, &no):
		return fail(exitRefused, "refused, nothing changed: %v", no)
	case err != nil:
		return scheduleError(id, err)
	}
	if s.asJSON {
		return t.json(status)
	}
	if p := status.Paused; p != nil {
		t.say("%s is paused by %s: %s", plain(id.String()), plain(p.By), plain(p.Reason))
		t.wrapped("", 0, "Replication itself goes on; nobody measures it and nobody is warned.")
		t.say("Go on: lifeboat schedule resume %s", plain(id.String()))
		return nil
	}
	t.say("%s ticks again, next at %s", plain(id.String()), moment(status.NextTick))
	return nil
}
