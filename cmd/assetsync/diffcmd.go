package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// statWidth is the width of --stat, as git's without a terminal.
const statWidth = 80

func (a *app) diffCommand() *cobra.Command {
	var stat, exit bool
	cmd := &cobra.Command{
		Use:   "diff [A[..B]] [TARGET|PATH...]",
		Short: "Show the differences as a patch",
		Long: `Show the differences between two revisions of each target as a patch.

A revision is local (your files), remote (the newest version), base (both
sides as of the last time they were in step) or the number of a version.
Without revisions it is remote..local: what a push changes, and, the other way
round, what others changed since, which a push leaves. base..local is what
changed here alone, base..remote what changed there. A alone is A..local. A PATH
limits the patch to what lies below it.`,
		Example: `  assetsync diff
  assetsync diff --stat
  assetsync diff 2..3 skills/eks-triage
  assetsync diff base skills/eks-triage/SKILL.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, paths := parseRevisions(args)
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			if done, err := a.diffAsked(ctx, config, paths, from, to, diffView{stat, exit}); done || err != nil {
				return err
			}
			s, err := a.openWith(ctx, config, sessionOptions{args: paths})
			if err != nil {
				return err
			}
			patches := a.patches(s.targets, paths)
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				return patches[e.Target.Name].load(ctx, e, from, to)
			})
			return s.abort(a.showDiff(s.env.Name, results, patches, diffView{stat, exit}))
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "show how many lines change, not the lines")
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs")
	return cmd
}

// diffView says what to show of a diff.
type diffView struct{ stat, exitCode bool }

// patches are the differences of targets, still empty.
func (a *app) patches(targets []Target, paths []string) map[string]*patch {
	patches := make(map[string]*patch, len(targets))
	for _, t := range targets {
		patches[t.Name] = &patch{target: t, single: !isDirType(t.Type), limits: a.pathsIn(t, paths)}
	}
	return patches
}

// diffAsked asks a daemon for the contents, if there is one; it reports
// whether it did.
func (a *app) diffAsked(ctx context.Context, config *Config, paths []string, from, to string, view diffView) (bool, error) {
	var contents map[string][]map[string][]byte
	results, env, ok, err := a.asked(ctx, config, paths, func(r *running) (results []assetsync.Result, notes []string, err error) {
		contents, results, notes, err = r.client.Revisions(ctx, r.ask, from, to)
		return results, notes, err
	})
	if err != nil || !ok {
		return false, err
	}
	where, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return false, err
	}
	x, err := a.worktrees.expand(ctx, config, where, ExpandOptions{AllowMissing: true})
	if err != nil {
		return false, err
	}
	patches := a.patches(x.Targets, paths)
	for i, r := range results {
		p, both := patches[r.Target], contents[r.Target]
		if r.Error != nil {
			continue
		}
		if p == nil || len(both) != 2 {
			return false, fmt.Errorf("ask daemon: target %s is not whole", r.Target)
		}
		if p.old, err = bundleOf(both[0]); err != nil {
			return false, err
		}
		if p.new, err = bundleOf(both[1]); err != nil {
			return false, err
		}
		results[i] = p.compare(r)
	}
	return true, a.showDiff(env, results, patches, view)
}

func bundleOf(files map[string][]byte) (manifest.Bundle, error) {
	named := make(map[manifest.Path][]byte, len(files))
	for name, data := range files {
		named[manifest.Path(name)] = data
	}
	return manifest.NewBundle(named)
}

// parseRevisions parts the revisions from the paths.
func parseRevisions(args []string) (from, to string, paths []string) {
	from, to = "remote", "local"
	if len(args) == 0 {
		return from, to, nil
	}
	a, b, ranged := strings.Cut(args[0], "..")
	switch {
	case ranged && isRevision(a) && isRevision(b):
		return a, b, args[1:]
	case !ranged && isRevision(a):
		return a, "local", args[1:]
	}
	return from, to, args
}

// isRevision reports whether s can be a revision: a word of ours or a number.
// A target of that name is reached by ./NAME.
func isRevision(s string) bool {
	return s == "local" || s == "remote" || s == "base" || s != "" && strings.Trim(s, "0123456789") == ""
}

// patch is the difference of one target.
type patch struct {
	target   Target
	single   bool            // the target is one file
	limits   []manifest.Path // show only what lies below one of them; none: all
	old, new manifest.Bundle
	changes  []diff.Change
}

func (p *patch) load(ctx context.Context, e *assetsync.Engine, from, to string) assetsync.Result {
	var res assetsync.Result
	if p.old, res = e.Revision(ctx, from); res.Error != nil {
		return res
	}
	if p.new, res = e.Revision(ctx, to); res.Error != nil {
		return res
	}
	return p.compare(res)
}

// compare finds the changes, and puts them into the result.
func (p *patch) compare(res assetsync.Result) assetsync.Result {
	for _, c := range diff.Two(p.old.Tree(), p.new.Tree()) {
		if len(p.limits) == 0 || slices.ContainsFunc(p.limits, c.Path.Under) {
			p.changes = append(p.changes, c)
			res.Changes = append(res.Changes, assetsync.ChangeReport{Path: c.Path, Action: string(c.Action()), Why: string(c.Why)})
		}
	}
	if len(p.changes) > 0 {
		res.Outcome = assetsync.Planned
	}
	return res
}

// name is a path of the target as people know it, relative to the config.
func (p *patch) name(path manifest.Path) string {
	if p.single {
		return p.target.Name
	}
	return p.target.Name + "/" + string(path)
}

// text is the patch in git's form.
func (p *patch) text(b *strings.Builder) {
	for _, c := range p.changes {
		old, new := p.contents(c)
		name := p.name(c.Path)
		oldName, newName := name, name
		if c.Old == nil {
			oldName = diff.DevNull
		}
		if c.New == nil {
			newName = diff.DevNull
		}
		b.WriteString(diff.Unified(oldName, newName, old, new, diff.DefaultContext))
	}
}

func (p *patch) stats() (out []diff.FileStat) {
	for _, c := range p.changes {
		old, new := p.contents(c)
		out = append(out, diff.StatOf(manifest.Path(p.name(c.Path)), old, new))
	}
	return out
}

func (p *patch) contents(c diff.Change) (old, new []byte) {
	old, _ = p.old.Content(c.Path)
	new, _ = p.new.Content(c.Path)
	return old, new
}

// pathsIn returns what the arguments name inside a target; nothing when one
// names the whole of it.
func (a *app) pathsIn(t Target, args []string) []manifest.Path {
	var limits []manifest.Path
	for _, arg := range args {
		rel, err := filepath.Rel(t.Path, a.abs(arg))
		if p, perr := manifest.ParsePath(filepath.ToSlash(rel)); err == nil && perr == nil {
			limits = append(limits, p)
		}
	}
	return limits
}

// sayWhole notes which args name a file or directory inside of a target that
// was pushed or pulled: what is done with it is done with all of the target.
func (a *app) sayWhole(args []string, results []assetsync.Result, done string) {
	for _, arg := range args {
		for _, r := range results {
			dir := filepath.Join(a.base, filepath.FromSlash(r.Target))
			if at := a.abs(arg); at != dir && arg != r.Target && holdsPath(dir, at) {
				a.say("note: %s lies in target %s, of which all is %s", arg, r.Target, done)
			}
		}
	}
}

func (a *app) showDiff(env string, results []assetsync.Result, patches map[string]*patch, view diffView) error {
	if a.jsonOut {
		return a.show(env, results, view.exitCode)
	}
	a.setCode(results, view.exitCode)
	var b strings.Builder
	var stats []diff.FileStat
	for _, r := range results {
		if view.stat {
			stats = append(stats, patches[r.Target].stats()...)
		} else {
			patches[r.Target].text(&b)
		}
	}
	b.WriteString(diff.Stat(stats, statWidth))
	_, err := fmt.Fprint(a.stdout, b.String())
	a.explain(results)
	return err
}
