package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

func (a *app) checkIgnoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check-ignore PATH...",
		Short: "Say whether a file is published, and which ignore rule says no",
		Long: `Say of each path whether a push would publish it, and if not, which pattern of
which ignore file keeps it out. The paths need not exist. Neither the remote nor
the state is needed.

docs/configuration.md lists the rules, from weak to strong.`,
		Example: `  assetsync check-ignore skills/eks-triage/README.md
  assetsync check-ignore --json skills/eks-triage/evals/one.json`,
		Args: someArgs("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.checkIgnore(ctx, args)
		},
	}
}

// ignoreTarget is a target of the envelope of check-ignore.
type ignoreTarget struct {
	Target  string            `json:"target"`
	Outcome assetsync.Outcome `json:"outcome"` // unchanged
	Paths   []ignorePath      `json:"paths"`

	word string // for what becomes of files: published, or of a target that is only pulled, pulled
}

// ignorePath is one path that was asked about.
type ignorePath struct {
	Path    manifest.Path `json:"path"` // in the target
	Ignored bool          `json:"ignored"`
	Why     string        `json:"why,omitempty"` // the rule
	arg     string
}

func (a *app) checkIgnore(ctx context.Context, args []string) error {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	x, err := a.expandHere(ctx, config, "")
	if err != nil {
		return err
	}
	results := []ignoreTarget{}
	for _, t := range x.Targets {
		one := ignoreTarget{Target: t.Name, Outcome: assetsync.Unchanged, word: "published"}
		if !t.Direction.Publishes() {
			one.word = "pulled"
		}
		for _, arg := range args {
			if p, ok := a.pathIn(t, arg); ok {
				one.Paths = append(one.Paths, ignorePath{Path: p, arg: arg})
			}
		}
		if len(one.Paths) == 0 {
			continue
		}
		if err := a.askRules(ctx, t, one.Paths); err != nil {
			return err
		}
		results = append(results, one)
	}
	if err := a.wantFound(args, results); err != nil {
		return err
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Targets: results})
	}
	return a.printIgnored(args, results)
}

// pathIn is what an argument names inside of a target. Of a single file, that is
// the file alone.
func (a *app) pathIn(t Target, arg string) (manifest.Path, bool) {
	at := a.abs(arg)
	if !isDirType(t.Type) {
		return manifest.Path(filepath.Base(t.Path)), at == t.Path
	}
	rel, err := filepath.Rel(t.Path, at)
	if err != nil || at == t.Path || !holdsPath(t.Path, at) {
		return "", false
	}
	p, err := manifest.ParsePath(filepath.ToSlash(rel))
	return p, err == nil
}

func (a *app) askRules(ctx context.Context, t Target, paths []ignorePath) error {
	repo, err := a.worktrees.around(t)
	if err != nil || !isDirType(t.Type) {
		return err // whoever names a single file wants it
	}
	asked := make([]manifest.Path, len(paths))
	for i, p := range paths {
		asked[i] = p.Path
	}
	why, err := assetsync.WhyIgnored(ctx, t, repo, asked)
	if err != nil {
		return err
	}
	for i := range paths {
		paths[i].Ignored, paths[i].Why = why[i] != "", why[i]
	}
	return nil
}

// wantFound fails when an argument names nothing inside of any target.
func (a *app) wantFound(args []string, results []ignoreTarget) error {
	found := map[string]bool{}
	for _, r := range results {
		for _, p := range r.Paths {
			found[p.arg] = true
		}
	}
	for _, arg := range args {
		if !found[arg] {
			return usageError(nil, "name a file below a target; assetsync status lists the targets", "%s is in no target", quoted(arg))
		}
	}
	return nil
}

func (a *app) printIgnored(args []string, results []ignoreTarget) error {
	var rows [][]string
	for _, arg := range args {
		for _, r := range results {
			for _, p := range r.Paths {
				switch {
				case p.arg != arg:
				case p.Ignored:
					rows = append(rows, []string{arg, "ignored", p.Why})
				case !a.isThere(arg):
					rows = append(rows, []string{arg, "not there", "would be " + r.word + " by " + r.Target})
				default:
					rows = append(rows, []string{arg, r.word, "by " + r.Target})
				}
			}
		}
	}
	return a.table(rows)
}

func (a *app) isThere(arg string) bool {
	_, err := os.Lstat(a.abs(arg))
	return err == nil
}
