package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

func (a *app) verifyCommand() *cobra.Command {
	var rev string
	cmd := &cobra.Command{
		Use:   "verify [TARGET...]",
		Short: "Read back what is live, and tell whether agents can use it",
		Long: `Read back what is live, all of it, and tell whether agents can use it as it is
meant here. Nothing is changed. It is compared with the files here, or with those
of --rev; the frontmatter with the metadata, the metadata with the config; and the
rules of lint are applied to it: a missing or wrapped main file, links of it that
lead nowhere, unknown agent types, files that are too many or too large.

A target that is as it should be is a line PASS with the version, the git tree and
the commit that it comes from. Else the exit code is 6, and each thing that is
wrong is told, with where it is and what to do.

assetsync push --verify does this after each push, as any push does in CI.`,
		Example: `  assetsync verify
  assetsync verify skills/eks-triage --json
  assetsync verify --rev HEAD`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args, allowMissing: true, rev: rev})
			if err != nil {
				return err
			}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Verify(ctx, nil) })
			return s.abort(a.showVerified(s.env.Name, a.withLive(ctx, s.dir, s.env.Name, s.targets, results)))
		},
	}
	cmd.Flags().StringVar(&rev, "rev", "", "compare with the tree of the git revision `REV` instead of what the targets' sources say")
	a.registerMany(cmd)
	return cmd
}

// showVerified prints a line for each target.
func (a *app) showVerified(env string, found []statusTarget) error {
	results := resultsOf(found)
	a.setCode(results, false)
	if a.jsonOut {
		return a.writeResults(env, found, results)
	}
	width := 0
	for _, r := range results {
		width = max(width, len(r.Target))
	}
	var b strings.Builder
	for _, t := range found {
		fmt.Fprintf(&b, "%s  %-*s  %s\n", passOrFail(t.Result), width, t.Target, verdict(t))
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	a.explain(results)
	a.summarize(results)
	return err
}

func passOrFail(r assetsync.Result) string {
	switch {
	case r.Verified:
		return "PASS"
	case r.Outcome == assetsync.Skipped:
		return "SKIP"
	}
	return "FAIL"
}

// verdict says what was looked at, and how many problems it has.
func verdict(t statusTarget) string {
	var parts []string
	if t.Version > 0 {
		parts = append(parts, fmt.Sprintf("v%d", t.Version))
	}
	if t.LiveTree != "" {
		parts = append(parts, "tree "+t.LiveTree[:7])
	}
	if t.Live != nil && t.Live.Newest != "" {
		parts = append(parts, fmt.Sprintf("commit %.7s", t.Live.Newest))
	}
	if n := len(t.Problems); n > 0 {
		parts = append(parts, count(n, "problem"))
	}
	if t.AssetID != "" {
		parts = append(parts, "("+t.AssetID+")")
	}
	if len(parts) == 0 {
		parts = []string{string(t.Outcome)}
	}
	return strings.Join(parts, "  ")
}

// inCI reports whether this is a job of a pipeline: what runs those sets CI.
func (a *app) inCI() bool {
	text, _ := a.getenv("CI")
	is, err := strconv.ParseBool(text)
	return text != "" && (is || err != nil)
}

// verifies reports whether a push reads back what is live.
func (a *app) verifies(cmd *cobra.Command, p pushFlags) bool {
	if cmd.Flags().Changed("verify") {
		return p.verify && !p.DryRun
	}
	return a.inCI() && !p.DryRun
}

// pushVerified is a push, with its verification.
func pushVerified(ctx context.Context, e *assetsync.Engine, o assetsync.PushOptions, verify bool) assetsync.Result {
	res := e.Push(ctx, o)
	if !verify || !isVerifiable(res) {
		return res
	}
	return res.With(e.Verify(ctx, &res))
}

// isVerifiable reports whether a push came to its end, so that what is live should
// be as it is here.
func isVerifiable(r assetsync.Result) bool {
	return r.Error == nil && r.Outcome != assetsync.Blocked
}

// verifyAsked verifies what a daemon has pushed.
func (a *app) verifyAsked(ctx context.Context, config *Config, so sessionOptions, results []assetsync.Result) ([]assetsync.Result, error) {
	so.writes = false
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(results)
	verified := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		i := slices.IndexFunc(out, func(r assetsync.Result) bool { return r.Target == e.Target.Name })
		if i < 0 || !isVerifiable(out[i]) {
			return assetsync.Result{}
		}
		return e.Verify(ctx, &out[i])
	})
	for i, r := range out {
		j := slices.IndexFunc(verified, func(v assetsync.Result) bool { return v.Target == r.Target })
		if j >= 0 {
			out[i] = r.With(verified[j])
		}
	}
	return out, s.close()
}
