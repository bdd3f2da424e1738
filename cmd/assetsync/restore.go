package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// backFlags are the flags of restore and undo.
type backFlags struct {
	assetsync.BackOptions
	prefer string
	allow  consentFlags
}

func (b *backFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&b.DryRun, "dry-run", false, "show what would be done, as a patch; change nothing")
	f.BoolVar(&b.Metadata, "metadata", false, "take back the keys of metadata: in the config, too")
	f.StringVar(&b.prefer, "prefer", "abort", "what becomes of a path that changed since: `SIDE` is local (it is taken back all the same), remote (it stays) or abort")
	b.allow.register(f, false)
	f.BoolVar(&b.allow.Protected, "allow-protected", false, "write to a protected target")
	f.BoolVar(&b.allow.Adopt, "adopt", false, "write to an asset that was imported or learned")
	f.BoolVar(&b.allow.Now, "now", false, "go on although git is at work, or another branch than branch: is checked out")
}

func (b *backFlags) options() (o assetsync.BackOptions, err error) {
	o = b.BackOptions
	if o.Prefer, err = parsePrefer(b.prefer); err == nil {
		o.Consent, err = b.allow.consent()
	}
	return o, err
}

func (a *app) restoreCommand() *cobra.Command {
	var b backFlags
	cmd := &cobra.Command{
		Use:   "restore [TARGET] N [PATH...]",
		Short: "Publish what an earlier version holds",
		Long: `Make a new version with the content of version N: of the whole asset, or of
PATHs, files or directories of the target. TARGET may be left out where there is
one target. A version that the service has no more is taken from history.

Files here that hold nothing unpublished are checked out as well, so that nothing
publishes again what was taken back. A file that was changed here stays as it is,
is not published, and is in conflict from now on. Of a git source only the asset
changes: git revert is for the commits.

Other paths stay as they are, whoever changed them. What others changed on the
paths themselves, and this machine has not seen, is a conflict, and nothing is
done: --prefer local takes it back all the same, --prefer remote leaves it.
Metadata stays unless --metadata is given, so that a skill that was made INACTIVE
stays so.`,
		Example: `  assetsync restore skills/eks-triage 3 --dry-run
  assetsync restore skills/eks-triage 3
  assetsync restore skills/eks-triage 3 references/limits.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := b.options()
			if err != nil {
				return err
			}
			target, version, paths, err := parseRestore(args)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: target, allowMissing: true, writes: !o.DryRun})
			if err != nil {
				return err
			}
			if len(s.targets) != 1 {
				return s.abort(usageError(nil, "for example: assetsync restore "+s.targets[0].Name+" "+strconv.Itoa(int(version)),
					"restore is of one target, and there are %d", len(s.targets)))
			}
			within, err := a.versionPaths(s.targets[0], slices.Concat(a.insideOf(s.targets[0], target), paths))
			if err != nil {
				return s.abort(err)
			}
			return a.takeBack(ctx, s, o, func(ctx context.Context, e *assetsync.Engine) (assetsync.Preview, assetsync.Result) {
				return e.Restore(ctx, version, within, o)
			})
		},
	}
	b.register(cmd)
	return cmd
}

// parseRestore parts [TARGET] N [PATH...]. A target whose name is a number is
// reached by ./NAME.
func parseRestore(args []string) (target []string, version int32, paths []string, err error) {
	const hint = "for example: assetsync restore skills/eks-triage 3, without the v; assetsync log shows the versions"
	i := slices.IndexFunc(args, func(arg string) bool { return arg != "" && strings.Trim(arg, "0123456789") == "" })
	if i < 0 || i > 1 {
		return nil, 0, nil, usageError(nil, hint, "restore takes the number of a version, after the target if there are several")
	}
	n, err := strconv.ParseInt(args[i], 10, 32)
	if err != nil || n < 1 {
		return nil, 0, nil, usageError(nil, hint, "restore %s: versions begin at 1", args[i])
	}
	return args[:i], int32(n), args[i+1:], nil
}

// insideOf returns of the argument that names a target what lies inside of it:
// skills/one/limits.md means that file alone.
func (a *app) insideOf(t Target, args []string) []string {
	if len(a.pathsIn(t, args)) == 0 {
		return nil
	}
	return args
}

// versionPaths reads paths of a version: from the working directory where they lie in the
// target, else from the target, as log shows them.
func (a *app) versionPaths(t Target, args []string) (paths []manifest.Path, err error) {
	for _, arg := range args {
		if in := a.pathsIn(t, []string{arg}); len(in) > 0 {
			paths = append(paths, in...)
			continue
		}
		if at := a.abs(arg); at == t.Path {
			return nil, nil // all of it
		}
		p, err := manifest.ParsePath(strings.TrimSuffix(strings.TrimPrefix(arg, "./"), "/"))
		if err != nil {
			return nil, usageError(err, "name it as assetsync log does, for example references/limits.md", "%s %s: %v", a.command, quoted(arg), err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// takeBack runs a verb that takes back on the targets of a session, and shows
// what a dry run would do as a patch.
func (a *app) takeBack(ctx context.Context, s *session, o assetsync.BackOptions, verb func(context.Context, *assetsync.Engine) (assetsync.Preview, assetsync.Result)) error {
	patches := a.patches(s.targets, nil)
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		view, res := verb(ctx, e)
		p := patches[e.Target.Name]
		p.old.Bundle, p.new.Bundle = view.Old, view.New
		p.compare(assetsync.Result{})
		return res
	})
	if a.jsonOut || !o.DryRun {
		return s.finish(results, false)
	}
	a.setCode(results, false)
	err := a.printResults(results, nil)
	if err == nil {
		var b strings.Builder
		for _, r := range results {
			patches[r.Target].write(&b, diffView{}, nil)
		}
		err = a.showText(output{noPager: true}, b.String())
	}
	a.explain(results)
	return s.abort(err)
}
