package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"assetsync/remote"
	"assetsync/remote/probe"
	"assetsync/remote/remotetest"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// probePause is the pause between two looks at what may lag: more than a
// second, so that times in whole seconds differ.
const probePause = 1100 * time.Millisecond

// probeFlags are the flags of a probe.
type probeFlags struct{ yes, show, protected bool }

func (a *app) probeCommand() *cobra.Command {
	var flags probeFlags
	cmd := &cobra.Command{
		Use:   "probe",
		Short: "Find out how the service behaves where its documentation is silent",
		Long: `Find out how the service behaves where its documentation is silent: make
scratch assets in the agent space of the environment, look at what calls do to
them, and delete them. docs/probe.md explains each question.

The scratch assets are skills whose names begin with ` + probe.NamePrefix + `, with
status INACTIVE, one or two at a time, and an attachment. Nothing else in the
space is touched. It takes some 450 calls, which is about a minute. It asks
first; where there is no terminal it needs --yes. After Ctrl-C, or when the
terminal is closed, it deletes what it made, too; what cannot be deleted is named.

The answers are printed, and again as flags for assetsync emulator. They are
kept in the state, for the endpoint and region: pushes then make new files in a
way that never replaces what somebody else makes at the same moment, and know
before the first deletion how to delete. --show prints them again, without a call.`,
		Example: `  assetsync probe --env staging
  assetsync probe --env staging --yes --json
  assetsync probe --show`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			if flags.show {
				return a.showProbe(ctx, config)
			}
			ctx, stop := untilHangup(ctx)
			defer stop()
			return a.runProbe(ctx, config, flags)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.yes, "yes", false, "do not ask")
	f.BoolVar(&flags.show, "show", false, "print the answers of the last probe, without a call")
	f.BoolVar(&flags.protected, "allow-protected", false, "probe in a protected environment")
	cmd.MarkFlagsMutuallyExclusive("show", "yes")
	cmd.MarkFlagsMutuallyExclusive("show", "allow-protected")
	return cmd
}

// untilHangup ends ctx when the terminal is closed as well, unless that is to be
// ignored, as below nohup.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// runProbe probes the environment's service and keeps the answers.
func (a *app) runProbe(ctx context.Context, config *Config, flags probeFlags) error {
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return err
	}
	if env.Protected && !flags.protected {
		return &assetsync.Error{Kind: assetsync.KindGuard, Message: "the environment is protected, and a probe makes assets in it",
			Hint: "probe another environment of the same region, whose answers hold as well; or allow it with --allow-protected"}
	}
	s := a.newSession()
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return s.abort(err)
	}
	unique := probe.NamePrefix + newID()[:8]
	if !flags.yes {
		if err := s.askProbe(ctx, unique); err != nil {
			return s.abort(err)
		}
	}
	if err := s.checkAccount(ctx); err != nil {
		return s.abort(err)
	}
	report, err := probe.Run(ctx, s.probeTarget(unique))
	a.endProgress()
	kept := state.NewEndpoint(state.Probe{At: a.now().UTC(), AgentSpace: s.env.AgentSpace, Answers: answers(report)})
	if report.Complete {
		err = errors.Join(err, s.keepProbe(kept))
	}
	return s.abort(s.reportProbe(report, kept, err))
}

// askProbe asks whether to go on, and returns an error when not.
func (s *session) askProbe(ctx context.Context, unique string) error {
	stdin, ok := s.stdin.(*os.File)
	if !ok || !isTerminal(stdin) {
		return &assetsync.Error{Kind: assetsync.KindGuard, Message: "a probe makes and deletes assets in agent space " + s.env.AgentSpace + ", and there is no terminal to ask on",
			Hint: "if that is meant, add --yes"}
	}
	s.say("assetsync probe makes scratch assets and deletes them:")
	for _, line := range [][2]string{
		{"environment", orDefault(s.env.Name, "(the only one)")},
		{"account", orDefault(s.env.Account, "(not in the config: that of the credentials)")},
		{"agent space", s.env.AgentSpace + " at " + s.space.Endpoint},
		{"makes", "skills " + unique + "-…, INACTIVE, one or two at a time, and an attachment topology.png"},
		{"deletes", "these, and nothing else"},
	} {
		s.say("  %-12s %s", line[0], line[1])
	}
	answer, err := s.ask(ctx, stdin, "Go on? [y/N] ")
	if err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer)) {
		return nil
	}
	if err == nil { // it may not have been typed on the terminal that shows the question
		s.say("")
	}
	return &assetsync.Error{Kind: assetsync.KindGuard, Message: "the probe was not confirmed", Hint: "nothing was done"}
}

func (s *session) probeTarget(unique string) probe.Target {
	wire := probe.NewWire(s.transport)
	target := probe.Target{
		Space: s.env.AgentSpace, Unique: unique, Wire: wire, Progress: s.progress,
		NewClient: func(limits remote.Limits, onCall func(string, error)) (*remote.Client, error) {
			return remote.NewClient(remote.Options{Endpoint: s.transport.Endpoint(), HTTPClient: wire, Limits: limits, OnCall: onCall})
		},
		Wait: func(ctx context.Context) error { return sleep(ctx, probePause) },
	}
	for _, c := range remotetest.Checks() {
		if !c.Active() { // what agents would use at once is not made
			target.Checks = append(target.Checks, c)
		}
	}
	return target
}

// progress says on a terminal how far the probe is.
func (a *app) progress(done, total int, what string) {
	a.log.Debug("probe: " + what)
	if isTerminal(a.stderr) && !a.verbose {
		const shown = 60
		fmt.Fprintf(a.stderr, "\r\x1b[K%d/%d %.*s", done+1, total, shown, what)
	}
}

func (a *app) endProgress() {
	if isTerminal(a.stderr) && !a.verbose {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
}

// keepProbe puts the answers on record, in the place of all that was known.
func (s *session) keepProbe(e state.Endpoint) error {
	db, err := state.Open(s.stateFile(), s.owner())
	if err != nil {
		return stateError(err)
	}
	return errors.Join(db.Update(func(tx state.Tx) error { return tx.PutEndpoint(s.space, e) }), db.Close())
}

// showProbe prints the answers on record.
func (a *app) showProbe(ctx context.Context, config *Config) error {
	s := a.newSession()
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return s.abort(err)
	}
	db, err := state.Open(s.stateFile(), s.owner())
	if err != nil {
		return s.abort(stateError(err))
	}
	e, err := db.Endpoint(s.space)
	err = errors.Join(err, db.Close())
	if err == nil && e.Probe == nil {
		err = &assetsync.Error{Kind: assetsync.KindFailed, Message: "nothing is on record of a probe of " + s.space.Endpoint + ", region " + orDefault(s.space.Region, "none"),
			Hint: "assetsync probe makes one"}
	}
	if err != nil {
		return s.abort(err)
	}
	return s.abort(s.reportProbe(probe.Report{Complete: true}, e, nil))
}

// answers are those of a report as the state keeps them.
func answers(report probe.Report) []state.ProbeAnswer {
	list := make([]state.ProbeAnswer, len(report.Answers))
	for i, a := range report.Answers {
		list[i] = state.ProbeAnswer{Item: a.Item, Question: a.Asks, Quirk: a.Quirk, Reading: a.Reading, Text: a.Text, Calls: a.Calls}
	}
	return list
}

// probeOperations are what a probe may call, but for ListAssetTypes, which
// has another resource.
func probeOperations() []string {
	return slices.Sorted(slices.Values(append(assetsync.Operations(), "DeleteAsset")))
}
