package main

import (
	"strings"

	assetsync "assetsync/sync"
)

// What a target's source key may be; a revision follows [gitSource] after a
// colon.
const (
	worktreeSource = "worktree"
	gitSource      = "git"
)

// headRev is the revision of a git source that names none.
const headRev = "HEAD"

// shortCommit is how many digits of a commit people are shown: git's default.
const shortCommit = 7

// maxRevBytes bounds the name of a revision: the longest ref that a file
// system can hold is not much longer.
const maxRevBytes = 512

// sourceFault says why s cannot be the source of a target, or nothing.
func sourceFault(s string) string {
	if s == worktreeSource || s == gitSource {
		return ""
	}
	rev, isGit := strings.CutPrefix(s, gitSource+":")
	switch {
	case !isGit:
		return "is no source: want worktree, git or git:REV" + didYouMean(s, []string{worktreeSource, gitSource})
	case rev == "":
		return "names no revision: want git for HEAD, or for example git:main"
	default:
		return revFault(rev)
	}
}

// revFault says why s cannot name a revision, or nothing.
func revFault(s string) string {
	switch {
	case len(s) > maxRevBytes:
		return "is longer than any revision's name"
	case strings.HasPrefix(s, "-"):
		return "is no revision: it begins with -"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "is no revision: it holds a space or a control character"
	}
	return ""
}

// revOf returns the revision that the settings of an entry, or of several
// together, publish; "" is the directory. It does not look at whether they
// agree.
func (t TargetConfig) revOf() string {
	rev, named := strings.CutPrefix(t.Source.V, gitSource+":")
	switch {
	case named:
		return rev
	case t.Source.V == gitSource, !t.Source.Set() && t.Publish.When.V == string(assetsync.OnCommit):
		return headRev
	}
	return ""
}

// whenOf returns when a daemon publishes: what is in git changes with commits.
func (t TargetConfig) whenOf() assetsync.When {
	if t.revOf() != "" {
		return assetsync.When(t.Publish.When.Or(string(assetsync.OnCommit)))
	}
	return assetsync.When(t.Publish.When.Or(string(assetsync.OnSave)))
}

// checkSource reports a source and a time to publish that exclude each other.
func (x *expander) checkSource(s *source, t TargetConfig) {
	inGit, when := t.revOf() != "", t.whenOf()
	switch {
	case inGit && when != assetsync.OnCommit && when != assetsync.Manually:
		x.add(t.Source.At, s.path, "source: %s changes with commits, so publish.when: %s never comes: use commit or manual", t.Source.V, when)
	case !inGit && when == assetsync.OnCommit:
		x.add(t.Source.At, s.path, "publish.when: commit publishes what is in git: use source: git, or leave source out")
	}
}

// directions are the values of the direction key.
func directions() []string {
	return []string{string(assetsync.PushOnly), string(assetsync.PullOnly), string(assetsync.BothWays)}
}

func (t TargetConfig) directionOf() assetsync.Direction {
	return assetsync.Direction(t.Direction.Or(string(assetsync.PushOnly)))
}

// checkDirection reports a direction that writes the directory of a target whose
// content is in git: what is checked out is no commit.
func (x *expander) checkDirection(s *source, t TargetConfig) {
	if !t.directionOf().Takes() || t.revOf() == "" {
		return
	}
	because := "source: " + t.Source.V
	if !t.Source.Set() {
		because = "publish.when: " + t.Publish.When.V
	}
	x.add(t.Direction.At, s.path, "direction: %s writes the directory, and %s publishes what is in git: use direction: push, or source: worktree with publish.when: save, idle or manual", t.Direction.V, because)
}
