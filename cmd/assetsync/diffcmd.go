package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// statWidth is the width of --stat, as git's without a terminal.
const statWidth = 80

func (a *app) diffCommand() *cobra.Command {
	var view diffView
	var exit bool
	cmd := &cobra.Command{
		Use:   "diff [A[..B] | A B] [TARGET|PATH...] [-- PATH...]",
		Short: "Show the differences as a patch",
		Long: `Show the differences between two revisions of each target as a patch.

Without revisions it is remote..local: what a push changes, and, the other way
round, what others changed since, which a push leaves. base..local is what
changed here alone, base..remote what changed there. A alone is A..local.
A PATH limits the patch to what lies below it.

` + revisionHelp + `

What follows -- is a target or a path, whatever its name. Metadata that differs
stands before the files of its target, which git apply passes over: the keys that
the target owns, all keys between two versions. A commit has the metadata of its
own config. A file that was only renamed is shown as such.`,
		Example: `  assetsync diff
  assetsync diff --stat
  assetsync diff 2..3 skills/eks-triage
  assetsync diff v2 remote --name-only
  assetsync diff base skills/eks-triage/SKILL.md
  assetsync diff HEAD~1..remote
  assetsync diff rev:v1.2 -- skills/eks-triage
  assetsync diff env:staging..env:prod`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := view.check(); err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			sides, paths, err := parseRevisions(args, cmd.ArgsLenAtDash(), a.wordsOf(ctx, config))
			if err != nil {
				return err
			}
			if err := sides.settle(ctx, a, config); err != nil {
				return err
			}
			return a.diff(ctx, config, sides, paths, view, exit)
		},
	}
	view.register(cmd)
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs")
	a.registerMany(cmd)
	return cmd
}

func (a *app) diff(ctx context.Context, config *Config, sides revisions, paths []string, view diffView, exit bool) error {
	if done, err := a.diffAsked(ctx, config, sides, paths, view, exit); done || err != nil {
		return err
	}
	others, err := a.readElsewhere(ctx, config, sides, paths)
	if err != nil {
		return err
	}
	s, err := a.openWith(ctx, config, sessionOptions{args: paths})
	if err != nil {
		return err
	}
	patches := a.patches(s.targets, paths)
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		return patches[e.Target.Name].load(ctx, e, sides, others)
	})
	err = s.close() // a pager may stay for long, and others need the state
	return errors.Join(a.showDiff(s.env.Name, results, patches, view, exit), err)
}

// found is what was read of a revision of a target.
type found struct {
	contents assetsync.Contents
	result   assetsync.Result
}

// elsewhere are the contents in other environments, by revision and target.
type elsewhere map[assetsync.Revision]map[string]found

// readElsewhere reads the revisions of other environments, each in a session of
// its own: the state is open once at a time.
func (a *app) readElsewhere(ctx context.Context, config *Config, sides revisions, paths []string) (elsewhere, error) {
	all := elsewhere{}
	for _, rev := range []assetsync.Revision{sides.from, sides.to} {
		if rev.Kind != assetsync.EnvRevision || all[rev] != nil {
			continue
		}
		name, version, err := splitEnvironment(config, rev.String(), rev.Name)
		if err != nil {
			return nil, err
		}
		there := *a
		there.envName = name
		s, err := there.openWith(ctx, config, sessionOptions{args: paths, allowMissing: true})
		if err != nil {
			return nil, fmt.Errorf("read environment %s: %w", name, err)
		}
		var mu sync.Mutex
		all[rev] = map[string]found{}
		s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			c, res := e.Revision(ctx, ofVersion(version))
			mu.Lock()
			defer mu.Unlock()
			res.AssetID = "" // it is not that of the envelope's environment
			all[rev][e.Target.Name] = found{c, res}
			return res
		})
		if err := s.close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// read returns what a revision holds of the target of an engine.
func (o elsewhere) read(ctx context.Context, e *assetsync.Engine, rev assetsync.Revision) (assetsync.Contents, assetsync.Result) {
	if rev.Kind != assetsync.EnvRevision {
		return e.Revision(ctx, rev)
	}
	f, ok := o[rev][e.Target.Name]
	if !ok {
		return f.contents, assetsync.Failure(e.Target.Name, usageError(nil, "name the targets that both have",
			"%s: there is no target %s", rev, e.Target.Name))
	}
	return f.contents, f.result
}

func (p *patch) load(ctx context.Context, e *assetsync.Engine, sides revisions, others elsewhere) assetsync.Result {
	var old, res assetsync.Result
	if p.old, old = others.read(ctx, e, sides.from); old.Error != nil {
		return old
	}
	if p.new, res = others.read(ctx, e, sides.to); res.Error != nil {
		return res
	}
	return p.compare(res.After(old))
}

// diffAsked asks a daemon for the contents, if there is one; it reports
// whether it did. One is of one environment.
func (a *app) diffAsked(ctx context.Context, config *Config, sides revisions, paths []string, view diffView, exit bool) (bool, error) {
	if sides.elsewhere() {
		return false, nil
	}
	var contents map[string][2]assetsync.Contents
	results, env, ok, err := a.asked(ctx, config, paths, func(r *running) (results []assetsync.Result, notes []string, err error) {
		contents, results, notes, err = r.contents(ctx, sides)
		return results, notes, err
	})
	if err != nil || !ok {
		return false, err
	}
	targets, err := a.targetsOf(ctx, config)
	if err != nil {
		return false, err
	}
	patches := a.patches(targets, paths)
	for i, r := range results {
		if r.Error != nil {
			continue
		}
		p, both := patches[r.Target], contents[r.Target]
		if p == nil {
			return false, fmt.Errorf("ask daemon: target %s is not whole", r.Target)
		}
		p.old, p.new = both[0], both[1]
		results[i] = p.compare(r)
	}
	return true, a.showDiff(env, results, patches, view, exit)
}

// contents asks for both sides of a diff, by target.
func (r *running) contents(ctx context.Context, sides revisions) (map[string][2]assetsync.Contents, []assetsync.Result, []string, error) {
	sent, results, notes, err := r.client.Revisions(ctx, r.ask, sides.from.String(), sides.to.String())
	if err != nil {
		return nil, results, notes, err
	}
	contents := map[string][2]assetsync.Contents{}
	for _, res := range results {
		if res.Error != nil {
			continue
		}
		list := sent[res.Target]
		if len(list) != 2 {
			return nil, nil, nil, fmt.Errorf("ask daemon: target %s is not whole", res.Target)
		}
		var both [2]assetsync.Contents
		for i := range both {
			if both[i], err = contentsOf(list[i]); err != nil {
				return nil, nil, nil, err
			}
		}
		contents[res.Target] = both
	}
	return contents, results, notes, nil
}

// pathsIn returns what the arguments name inside a target; nothing when one
// names the whole of it, as [selectOne] has it, or it is a single file.
func (a *app) pathsIn(t Target, args []string) []manifest.Path {
	var limits []manifest.Path
	for _, arg := range args {
		inside := holdsPath(t.Path, a.abs(arg)) && a.abs(arg) != t.Path
		if !isDirType(t.Type) || isNamed(t, arg) || !inside && len(selectOne([]Target{t}, arg, a.cwd)) > 0 {
			return nil
		}
		if p, ok := a.pathIn(t, arg); ok {
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

func (a *app) showDiff(env string, results []assetsync.Result, patches map[string]*patch, view diffView, exit bool) error {
	if a.jsonOut {
		return a.show(env, results, exit)
	}
	a.setCode(results, exit)
	var b strings.Builder
	var stats []diff.FileStat
	for _, r := range results {
		if p := patches[r.Target]; p != nil {
			p.write(&b, view, &stats)
		}
	}
	b.WriteString(diff.Stat(stats, statWidth))
	err := a.showText(view.output, b.String())
	a.explain(results)
	return err
}
