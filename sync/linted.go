package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/text/unicode/norm"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/manifest/secrets"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/lint"
	"assetsync/sync/worktree"
)

// Linted is what is wrong with the files of a target.
type Linted struct {
	Findings []lint.Finding
	Size     lint.Size
	Commit   string // whose files were looked at, in hex; "": those of the directory
	files    manifest.Bundle
}

// Lint looks at what a push of the target would publish. It needs neither the
// remote nor the state, and changes nothing. repo is the git worktree that the
// source lies in; nil outside of git.
func Lint(ctx context.Context, t Target, repo *gitrepo.Worktree) (Linted, error) {
	l, err := newLinter(t, repo)
	if err != nil {
		return Linted{}, err
	}
	return l.look(ctx)
}

// maxFixRounds is how often fixes are looked for anew: those that overlap
// others need another round, and so does a file with very many.
const maxFixRounds = 20

// Fixed is how many mechanical fixes a file was given.
type Fixed struct {
	Path  manifest.Path `json:"path"`
	Fixes int           `json:"fixes"`
}

// FixLint makes the mechanical fixes in the directory of the target, and
// returns what it changed, also with an error. A file that was saved meanwhile
// stays as it was saved. Unlike what a check out replaces, the former bytes are
// not kept.
func FixLint(ctx context.Context, t Target) ([]Fixed, error) {
	t.Rev, t.Text = "", manifest.TextExact // edits count the bytes of the directory
	l, err := newLinter(t, nil)
	if err != nil {
		return nil, err
	}
	made := map[manifest.Path]int{}
	for range maxFixRounds {
		n, err := l.fix(ctx, made)
		if err != nil || n == 0 {
			return fixedFiles(made), err
		}
	}
	return fixedFiles(made), nil
}

func fixedFiles(made map[manifest.Path]int) []Fixed {
	list := []Fixed{}
	for _, p := range slices.Sorted(maps.Keys(made)) {
		list = append(list, Fixed{p, made[p]})
	}
	return list
}

// linter looks at one target.
type linter struct {
	target      Target
	kind        assettype.Type
	limits      remote.Limits
	source      source
	dir         directory
	mayBeSecret manifest.Patterns
}

func newLinter(t Target, repo *gitrepo.Worktree) (*linter, error) {
	kind, ok := assettype.Lookup(t.Type)
	if !ok {
		return nil, usage("assetsync asset types lists what the service knows", "target %s: type %q is not known", t.Name, t.Type)
	}
	l := &linter{target: t, kind: kind, limits: remote.Edition20260608()}
	var err error
	if l.mayBeSecret, err = manifest.NewPatterns(t.AllowSecrets); err != nil {
		return nil, usage("correct allow_secrets: in assetsync.yaml", "target %s: %v", t.Name, err)
	}
	l.source, l.dir, err = newSource(t, kind, l.limits, repo)
	return l, err
}

// scan reads what the source holds.
func (l *linter) scan(ctx context.Context) (manifest.Snapshot, error) {
	snap, err := l.source.scan(ctx)
	if errors.Is(err, errSourceMissing) {
		err = usage("name a directory or a file that exists", "target %s: there is nothing at %s", l.target.Name, l.target.Path)
	}
	return snap, err
}

// look reads the source and applies the rules.
func (l *linter) look(ctx context.Context) (Linted, error) {
	snap, err := l.scan(ctx)
	if err != nil {
		return Linted{}, err
	}
	files, err := readAll(ctx, l.source, snap.Tree)
	if err != nil {
		return Linted{}, err
	}
	out := Linted{files: files}
	if c, ok := l.source.(*committed); ok {
		out.Commit = c.commit.ID()
	}
	if out.Size, err = lint.Measure(l.kind, files); err != nil {
		return Linted{}, err
	}
	out.Findings = lint.Check(lint.Asset{
		Type: l.kind, Files: files, Metadata: metadataOf(l.kind, l.target, files), Owned: l.target.Metadata,
		Ignored: ignoredBy(snap), Secrets: secrets.New(), MayBeSecret: l.mayBeSecret,
	})
	problems := append(slices.Clone(snap.Problems), badNames(l.limits, snap.Tree)...)
	if len(snap.Problems) > 0 {
		out.Findings = lint.WithoutAbsences(out.Findings)
	}
	for _, p := range problems {
		out.Findings = append(out.Findings, lint.OfProblem(p))
	}
	out.Findings = lint.Sorted(append(out.Findings, lint.CheckSize(out.Size, int64(l.limits.FileBytes))...))
	return out, nil
}

// ignoredBy reports what the ignore rules of a look leave out.
func ignoredBy(snap manifest.Snapshot) func(manifest.Path) bool {
	return func(p manifest.Path) bool {
		if _, published := snap.Tree.Lookup(p); published {
			return false // the look has asked the rules
		}
		return snap.Ignore != nil && snap.Ignore.Ignored(p)
	}
}

// badNames are the names that the service's pattern forbids.
func badNames(limits remote.Limits, tree manifest.Tree) (list []manifest.Problem) {
	for e := range tree.All() {
		if err := limits.CheckPath(string(e.Path)); err != nil {
			list = append(list, manifest.Problem{
				Path: e.Path, Kind: manifest.BadName, Detail: err.Error(), Hint: renameHint(limits.SuggestPath(norm.NFD.String(string(e.Path)))),
			})
		}
	}
	return list
}

// fix makes the mechanical fixes of one look, adds them to made, and returns
// how many there were.
func (l *linter) fix(ctx context.Context, made map[manifest.Path]int) (n int, err error) {
	found, err := l.look(ctx)
	if err != nil {
		return 0, err
	}
	contents, fixes := lint.Fix(found.files, found.Findings)
	if len(contents) == 0 {
		return 0, nil
	}
	after, err := found.files.With(contents)
	if err != nil {
		return 0, err
	}
	wt, err := worktree.Open(l.dir.dir)
	if err != nil {
		return 0, err
	}
	defer wt.Close()
	changes := diff.Two(found.files.Tree(), after.Tree())
	content := func(e manifest.Entry) ([]byte, error) {
		data, _ := after.Blob(e.ID)
		return data, nil
	}
	var failed []error
	for i, res := range wt.Apply(ctx, l.dir.local(changes), content, func(manifest.Path, []byte) error { return nil }) {
		if res.Outcome != worktree.Done {
			failed = append(failed, fmt.Errorf("fix %s: %w", res.Path, res.Err))
			continue
		}
		p := changes[i].Path
		made[p] += fixes[p]
		n += fixes[p]
	}
	return n, errors.Join(failed...)
}
