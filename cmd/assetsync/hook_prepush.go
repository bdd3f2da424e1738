package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
)

const (
	// prePushTimeout bounds the whole check, prePushState its wait for another
	// command: somebody sits before git push.
	prePushTimeout = time.Minute
	prePushState   = 10 * time.Second

	// prePushCommits is how many commits are checked of one push: branches are
	// pushed one by one or a few at once.
	prePushCommits = 8

	// maxPushed bounds what git says of a push, a line of some hundred bytes
	// for each ref.
	maxPushed = 16 << 20
)

const noVerifyHint = "git push --no-verify pushes all the same"

// pushedCommit is a commit that git is about to push, with the branches, here
// and there, that it is pushed for.
type pushedCommit struct {
	id       string
	branches []string
}

// readPushed reads what git tells a pre-push hook, see githooks(5): a line
// "LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID" for each ref. What is pushed to
// another ref than a branch, such as a tag, and what is deleted, is left out.
func readPushed(r io.Reader) (commits []pushedCommit, err error) {
	const branch = "refs/heads/"
	lines := bufio.NewScanner(io.LimitReader(r, maxPushed))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 0:
			continue
		case len(f) != 4:
			return nil, fmt.Errorf("read what git pushes: %s is not what git writes", quoted(lines.Text()))
		}
		to, isBranch := strings.CutPrefix(f[2], branch)
		if !isBranch || strings.Trim(f[1], "0") == "" {
			continue
		}
		i := slices.IndexFunc(commits, func(c pushedCommit) bool { return c.id == f[1] })
		if i < 0 {
			i, commits = len(commits), append(commits, pushedCommit{id: f[1]})
		}
		commits[i].branches = append(commits[i].branches, to)
		if from, isBranch := strings.CutPrefix(f[0], branch); isBranch {
			commits[i].branches = append(commits[i].branches, from)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what git pushes: %w", err)
	}
	return commits, nil
}

// prePush checks the commits that git is about to push as a push of their
// targets would, and writes nothing.
func (j *hookJob) prePush(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, prePushTimeout, timeoutError(prePushTimeout))
	defer cancel()
	commits, err := readPushed(j.stdin)
	if err != nil {
		return prePushError(err)
	}
	if more := len(commits) - prePushCommits; more > 0 {
		j.say("note: %s of this push are not checked: at most %d are", count(more, "commit"), prePushCommits)
		commits = commits[:prePushCommits]
	}
	for _, c := range commits {
		results, err := j.check(ctx, c)
		if err != nil {
			return j.letGo(prePushError(err))
		}
		if stopped, err := j.stopPush(c, results); stopped || err != nil {
			return err
		}
	}
	return nil
}

// check is a push of a commit in all but its writes. What only says who may
// publish, and when, says nothing of the commit.
func (j *hookJob) check(ctx context.Context, c pushedCommit) ([]assetsync.Result, error) {
	keep := func(t assetsync.Target) bool { return t.Branch == "" || slices.Contains(c.branches, t.Branch) }
	at := &pinned{commit: c.id, keep: keep}
	if targets, err := at.targets(ctx, j.worktrees, j.config, j.env); err != nil || len(targets) == 0 {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, prePushState)
	defer cancel()
	s, err := j.openPatiently(waiting, ctx, sessionOptions{at: at})
	if err != nil {
		return nil, err
	}
	o := assetsync.PushOptions{
		DryRun: true, Strict: true,
		Consent: assetsync.Consent{Now: true, Protected: true, Create: true, Rollback: true},
	}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Push(ctx, o) })
	return results, s.close()
}

// stopPush says what is wrong with a commit, if anything is, and reports
// whether git push is to be stopped. A remote that cannot be asked is no
// reason.
func (j *hookJob) stopPush(c pushedCommit, results []assetsync.Result) (bool, error) {
	var failed []assetsync.Result
	var unasked error
	for _, r := range results {
		switch {
		case resultCode(r) == 0:
		case r.Error != nil && cannotAsk(r.Error):
			unasked = r.Error
		default:
			failed = append(failed, r)
		}
	}
	if len(failed) == 0 {
		return false, j.letGo(unasked)
	}
	j.setExit(codeOf(failed))
	if j.jsonOut {
		if err := j.writeResults(j.env.Name, failed, failed); err != nil {
			return true, err
		}
	} else {
		j.explain(failed)
	}
	j.say("assetsync: git push is stopped: %s of commit %.7s could not be published", count(len(failed), "target"), c.id)
	j.say("hint: correct it and commit, or %s", noVerifyHint)
	return true, nil
}

// cannotAsk reports whether an error is of the way to the remote, and not of
// what was to be published.
func cannotAsk(e *assetsync.Error) bool {
	return e.Kind == assetsync.KindAuth || e.Kind == assetsync.KindUnavailable
}

// letGo says in one line that nothing could be checked, and lets the push go.
// All other errors stay.
func (j *hookJob) letGo(err error) error {
	if err == nil {
		return nil
	}
	e := assetsync.AsError(err)
	if !cannotAsk(e) {
		return err
	}
	j.say("note: nothing was checked before the push, which goes on: %s", e.Message)
	return nil
}

// prePushError gives an error that stops a push the way around it.
func prePushError(err error) error {
	e := *assetsync.AsError(err)
	e.Err = err
	if e.Hint != "" {
		e.Hint += "; "
	}
	e.Hint += noVerifyHint
	return &e
}
