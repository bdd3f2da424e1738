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
Without revisions it is remote..local: what a push changes. A alone is
A..local. A PATH limits the patch to what lies below it.`,
		Example: `  assetsync diff
  assetsync diff --stat
  assetsync diff 2..3 skills/eks-triage
  assetsync diff base skills/eks-triage/SKILL.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, paths := parseRevisions(args)
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: paths})
			if err != nil {
				return err
			}
			patches := make(map[string]*patch, len(s.targets))
			for _, t := range s.targets {
				patches[t.Name] = &patch{target: t, single: !isDirType(t.Type), limits: s.pathsIn(t, paths)}
			}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				return patches[e.Target.Name].load(ctx, e, from, to)
			})
			return s.finishDiff(results, patches, stat, exit)
		},
	}
	cmd.Flags().BoolVar(&stat, "stat", false, "show how many lines change, not the lines")
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs")
	return cmd
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
func (s *session) pathsIn(t Target, args []string) []manifest.Path {
	var limits []manifest.Path
	for _, arg := range args {
		rel, err := filepath.Rel(t.Path, s.abs(arg))
		if p, perr := manifest.ParsePath(filepath.ToSlash(rel)); err == nil && perr == nil {
			limits = append(limits, p)
		}
	}
	return limits
}

func (s *session) finishDiff(results []assetsync.Result, patches map[string]*patch, stat, exitCode bool) error {
	if s.jsonOut {
		return s.finish(results, exitCode)
	}
	s.setCode(results, exitCode)
	var b strings.Builder
	var stats []diff.FileStat
	for _, r := range results {
		if stat {
			stats = append(stats, patches[r.Target].stats()...)
		} else {
			patches[r.Target].text(&b)
		}
	}
	b.WriteString(diff.Stat(stats, statWidth))
	_, err := fmt.Fprint(s.stdout, b.String())
	s.explain(results)
	return s.abort(err)
}
