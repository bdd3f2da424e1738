package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"

	assetsync "assetsync/sync"
)

// revisionHelp says what a revision may be, for the help of the verbs that take
// one.
const revisionHelp = `A revision is:

  local        your files, or the git revision of the target's source
  remote       the newest version; live is another word for it
  base         both sides as of the last time they were in step
  N or vN      a version, from history where that has it
  rev:REV      a commit, branch or tag of git; REV alone where no target, file
               or version has that name
  env:NAME     the newest version in another environment; env:NAME@N another one`

// words tell plain words of a command line apart.
type words struct {
	named  func(string) bool // a target or a file has this name
	commit func(string) bool // git knows it
}

// revisions are the two sides of a diff.
type revisions struct{ from, to assetsync.Revision }

// parseRevisions parts [A[..B]] or A B from what follows. Without revisions it
// is remote..local, A alone is A..local. Only the first dash arguments are
// looked at, all of them when it is negative: what follows -- are paths.
// A target whose name is that of a revision is reached by ./NAME.
func parseRevisions(args []string, dash int, w words) (r revisions, rest []string, err error) {
	head := args
	if dash >= 0 {
		head = args[:dash]
	}
	r.from, r.to = assetsync.Revision{Kind: assetsync.RemoteRevision}, assetsync.Revision{Kind: assetsync.LocalRevision}
	if len(head) == 0 {
		return r, args, nil
	}
	from, to, ok, err := w.rangeOf(head[0])
	if ok || err != nil {
		return revisions{from, to}, args[1:], err
	}
	if from, ok, err = w.revision(head[0]); !ok || err != nil {
		return r, args, err
	}
	r.from = from
	if len(head) == 1 {
		return r, args[1:], nil
	}
	if to, ok, err = w.revision(head[1]); !ok || err != nil {
		return r, args[1:], err
	}
	r.to = to
	return r, args[2:], nil
}

// revision reads one revision; it is false when the text is none.
func (w words) revision(text string) (r assetsync.Revision, ok bool, err error) {
	r, ok, err = assetsync.ParseRevision(text)
	if !ok && err == nil && text != "" && !w.named(text) && w.commit(text) {
		r, ok = assetsync.Revision{Kind: assetsync.CommitRevision, Name: text}, true
	}
	return r, ok, err
}

// rangeOf reads A..B; it is false when the text is no range.
func (w words) rangeOf(text string) (from, to assetsync.Revision, ok bool, err error) {
	a, b, found := strings.Cut(text, "..")
	if !found || a == "" || w.named(text) {
		return from, to, false, nil
	}
	from, ok, err = w.revision(a)
	if err != nil || !ok {
		return from, to, false, err
	}
	const hint = "write A..B, for example 3..local; a file of that name is reached by ./NAME"
	switch to, ok, err = w.revision(b); {
	case err != nil:
		return from, to, false, err
	case strings.HasPrefix(b, "."):
		return from, to, false, usageError(nil, hint, "%s: three dots are of branches, and versions have none", quoted(text))
	case !ok:
		return from, to, false, usageError(nil, hint, "%s: %s is no revision", quoted(text), quoted(b))
	}
	return from, to, true, nil
}

// wordsOf tells words apart by the targets of a config, by files, and by the
// repository around the config.
func (a *app) wordsOf(ctx context.Context, config *Config) words {
	targets := sync.OnceValues(func() ([]Target, error) { return a.targetsOf(ctx, config) })
	return words{
		named: func(text string) bool {
			if _, err := os.Lstat(a.abs(text)); err == nil {
				return true
			}
			all, err := targets()
			return err == nil && len(selectOne(all, text, a.cwd)) > 0
		},
		commit: func(text string) bool {
			repo, err := a.worktrees.find(config.Dir)
			if err != nil || repo == nil || revFault(text) != "" {
				return false
			}
			_, err = repo.Resolve(ctx, text)
			return err == nil
		},
	}
}

// settle makes both revisions such as hold for all targets alike: a commit by
// its id, an environment other than that of the invocation by its name. Where
// there is no such one, it is the one that a revision names.
func (r *revisions) settle(ctx context.Context, a *app, config *Config) error {
	both := []*assetsync.Revision{&r.to, &r.from}
	for _, one := range both {
		if one.Kind == assetsync.EnvRevision {
			name, _, err := splitEnvironment(config, one.String(), one.Name)
			if err != nil {
				return err
			}
			if a.envName == "" && len(config.Environments) > 1 && !r.needsEnvironment() {
				a.envName = name
			}
		}
	}
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return err
	}
	for _, one := range both {
		switch one.Kind {
		case assetsync.CommitRevision:
			if one.Name, err = a.worktrees.commit(ctx, config.Dir, one.Name); err != nil {
				return err
			}
		case assetsync.EnvRevision:
			name, version, err := splitEnvironment(config, one.String(), one.Name)
			if err != nil {
				return err
			}
			if name == env.Name {
				*one = ofVersion(version)
			}
		}
	}
	return nil
}

// needsEnvironment reports whether a revision is of the invocation's
// environment, which so has to be told.
func (r revisions) needsEnvironment() bool {
	needs := func(one assetsync.Revision) bool {
		return one.Kind == assetsync.RemoteRevision || one.Kind == assetsync.BaseRevision || one.Kind == assetsync.VersionRevision
	}
	return needs(r.from) || needs(r.to)
}

// elsewhere reports whether a revision is of another environment.
func (r revisions) elsewhere() bool {
	return r.from.Kind == assetsync.EnvRevision || r.to.Kind == assetsync.EnvRevision
}

// ofVersion is the revision of a version, 0 is the newest.
func ofVersion(version int32) assetsync.Revision {
	if version == 0 {
		return assetsync.Revision{Kind: assetsync.RemoteRevision}
	}
	return assetsync.Revision{Kind: assetsync.VersionRevision, Version: version}
}

// splitEnvironment reads ENV or ENV@VERSION, which stood at a place of the
// command line; without the version it is 0, the newest.
func splitEnvironment(config *Config, place, text string) (name string, version int32, err error) {
	const hint = "for example staging, or staging@12"
	name, number, numbered := text, "", false
	if isNewName(config, text) { // else a name with an @ in it
		name, number, numbered = strings.Cut(text, "@")
	}
	n, err := strconv.ParseInt(number, 10, 32)
	switch {
	case numbered && (err != nil || n < 1):
		return "", 0, usageError(nil, hint, "%s: %s is no version", place, quoted(number))
	case len(config.Environments) == 0:
		return "", 0, usageError(nil, "name them under environments: in "+ConfigName, "%s: %s has one environment, without a name", place, config.shown())
	case isNewName(config, name):
		return "", 0, usageError(nil, hint, "%s: no environment %s in %s: it has %s", place, quoted(name), config.shown(), wordList(config.EnvironmentNames(), "and"))
	}
	return name, int32(n), nil
}
