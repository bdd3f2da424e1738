package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// rebuildFix is what helps against a damaged state.
const rebuildFix = "assetsync doctor --rebuild moves what is damaged aside"

// checkState looks through the state and the history, as they are.
func (d *doctor) checkState(ctx context.Context) {
	const check = "state"
	dir := d.stateDirOf()
	if dir == "" {
		d.ok(check, "there is none yet")
		return
	}
	s, there, err := d.readState(dir)
	switch {
	case errors.Is(err, state.ErrLocked):
		d.warn(check, "repeat it when that is done", "%v", err)
		return
	case err != nil:
		d.fail(check, exitCode(assetsync.KindFailed), rebuildFix, "%v", err)
		return
	}
	if err := d.readHistory(ctx, dir); err != nil {
		d.fail(check, exitCode(assetsync.KindFailed), rebuildFix, "%v", err)
		return
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
		d.warn(check, "chmod 700 "+shortPath(dir, d.cwd), "%s can be read by others", shortPath(dir, d.cwd))
		return
	}
	if !there {
		d.ok(check, "nothing was published from here yet")
		return
	}
	d.counts["state"] = s
	if n := len(s.Unfinished); n > 0 {
		d.warn(check, "assetsync push finds out what it did", "%s", unfinishedWords(s.Unfinished))
		return
	}
	running := ""
	if owner, held := state.ReadHolder(lockFile(dir)); held {
		running = "; the daemon is " + owner.String()
	}
	d.ok(check, "%s, %s, all records are sound%s", count(s.Targets, "target"), sizeOf(dir), running)
}

// readState opens the state, looks through it and counts; there is false when
// there is no file.
func (a *app) readState(dir string) (s state.Summary, there bool, err error) {
	name := filepath.Join(dir, "state.db")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	db, err := state.Open(name, state.Owner{PID: os.Getpid(), Command: a.command, Since: a.now()})
	if err != nil {
		return s, true, err
	}
	faults, err := db.Check()
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("state %s is damaged: %s", name, strings.Join(faults, "; "))
	}
	if err == nil {
		s, err = db.Summary()
	}
	return s, true, errors.Join(err, db.Close())
}

// readHistory reads, of each target, the versions that history knows and the files
// of the newest.
func (d *doctor) readHistory(ctx context.Context, dir string) error {
	keys := []gitrepo.Key{}
	for _, t := range d.targets {
		keys = append(keys, assetsync.HistoryKey(d.env.Name, t.Name))
	}
	versions, err := readVersions(ctx, dir, keys)
	d.counts["versions"] = versions
	return err
}

// readVersions counts the versions in the history of a state directory.
func readVersions(ctx context.Context, dir string, keys []gitrepo.Key) (n int, err error) {
	name := filepath.Join(dir, "history.git")
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	h, err := gitrepo.OpenHistory(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	for _, key := range keys {
		records, err := h.Versions(ctx, key)
		if err != nil {
			return n, err
		}
		n += len(records)
		if len(records) == 0 {
			continue
		}
		newest := records[0]
		for _, r := range records {
			if r.Number > newest.Number {
				newest = r
			}
		}
		if _, _, err := h.Get(ctx, key, newest.Asset, newest.Number); err != nil {
			return n, err
		}
	}
	return n, nil
}

func unfinishedWords(list []state.Unfinished) string {
	first := list[0]
	text := fmt.Sprintf("a check out of asset %s was cut short", first.Target)
	switch {
	case first.Doubt:
		text = fmt.Sprintf("a write of %s was sent at %s and not answered; it may have an effect until %s",
			first.Target, first.Started.Local().Format(time.TimeOnly), first.Until.Local().Format(time.TimeOnly))
	case !first.Started.IsZero():
		text = fmt.Sprintf("the publishing of %s at %s was cut short", first.Target, first.Started.Local().Format(time.TimeOnly))
	}
	if more := len(list) - 1; more > 0 {
		text += fmt.Sprintf("; %d more like it", more)
	}
	return text
}

// sizeOf says how large a directory is. What is gone meanwhile does not count.
func sizeOf(dir string) string {
	var bytes int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return "of unknown size"
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

// rebuildReport is what --rebuild did, in the envelope.
type rebuildReport struct {
	Moved  []string `json:"moved"`  // files and directories of the state that were damaged
	To     string   `json:"to"`     // where they are now; "" when none was
	Anew   bool     `json:"anew"`   // a sound state reads every file of the remote anew
	Reason []string `json:"reason"` // what is damaged, in words
}

// rebuild moves aside what is damaged of the state. A sound state reads everything
// anew. It refuses while it cannot be known that no write is in doubt.
func (a *app) rebuild(ctx context.Context) (err error) {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	dir := a.stateHome(config)
	if _, err := os.Stat(dir); err != nil {
		return usageError(err, "there is nothing to rebuild", "no state is in %s", shortPath(dir, a.cwd))
	}
	lock, err := state.Hold(lockFile(dir), state.Owner{PID: os.Getpid(), Command: a.command, Since: a.now()})
	if errors.Is(err, state.ErrLocked) {
		return &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: "a daemon is at work on this state", Hint: "end it with assetsync watch --stop, then repeat the command"}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	r, err := a.rebuildIn(ctx, config, dir)
	if err != nil {
		return err
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Rebuild: &r})
	}
	return a.sayRebuilt(r)
}

func (a *app) rebuildIn(ctx context.Context, config *Config, dir string) (rebuildReport, error) {
	r := rebuildReport{Moved: []string{}, Reason: []string{}}
	s, there, err := a.readState(dir)
	switch {
	case errors.Is(err, state.ErrLocked):
		return r, stateError(err)
	case err != nil:
		if err := a.mayBeInDoubt(filepath.Join(dir, "state.db")); err != nil {
			return r, err
		}
		r.Moved, r.Reason = append(r.Moved, "state.db"), append(r.Reason, err.Error())
	case len(s.Unfinished) > 0:
		return r, refusedRebuild(unfinishedWords(s.Unfinished), "assetsync push finds out what it did; then repeat the command")
	}
	_, historyErr := readVersions(ctx, dir, a.keysOf(ctx, config))
	if historyErr != nil {
		if undo := s.CheckOuts + s.Publishings; undo > 0 {
			return r, refusedRebuild(fmt.Sprintf("%v; undo needs what can be read of it", historyErr),
				"if that may go, move "+shortPath(filepath.Join(dir, "history.git"), a.cwd)+" away yourself")
		}
		r.Moved, r.Reason = append(r.Moved, "history.git"), append(r.Reason, historyErr.Error())
	}
	if len(r.Moved) > 0 {
		r.To, err = a.moveAside(dir, r.Moved)
		return r, err
	}
	if !there {
		return r, nil
	}
	db, err := state.Open(filepath.Join(dir, "state.db"), state.Owner{PID: os.Getpid(), Command: a.command, Since: a.now()})
	if err != nil {
		return r, stateError(err)
	}
	r.Anew = true
	return r, errors.Join(db.ForgetSeen(), db.Close())
}

// keysOf are the keys of the targets in history; of a config that cannot be
// expanded none are known, and only the repository itself is looked at.
func (a *app) keysOf(ctx context.Context, config *Config) (keys []gitrepo.Key) {
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil
	}
	x, err := a.worktrees.expand(ctx, config, env, ExpandOptions{AllowMissing: true})
	if err != nil {
		return nil
	}
	for _, t := range x.Targets {
		keys = append(keys, assetsync.HistoryKey(env.Name, t.Name))
	}
	return keys
}

// doubtAge is how old a state that cannot be read has to be before no write that
// it knows of can have an effect any more: AWS refuses a request that was signed 15
// minutes ago, and a run ends within its timeout.
const doubtAge = 15*time.Minute + defaultTimeout

// mayBeInDoubt refuses to move a state that cannot be read while a write may be in
// doubt.
func (a *app) mayBeInDoubt(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	until := info.ModTime().Add(doubtAge)
	if a.now().After(until) {
		return nil
	}
	return refusedRebuild("the state cannot be read, and a write that it knows of may be in doubt until "+until.Local().Format(time.TimeOnly), "repeat the command after that")
}

func refusedRebuild(message, hint string) error {
	return &assetsync.Error{Kind: assetsync.KindGuard, Message: "nothing was rebuilt: " + message, Hint: hint}
}

// moveAside moves names of a state directory into one of its own, by which nothing
// is lost.
func (a *app) moveAside(dir string, names []string) (to string, err error) {
	to = filepath.Join(dir, "old", a.now().UTC().Format("20060102T150405.000Z"))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", fmt.Errorf("move state aside: %w", err)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			return "", fmt.Errorf("move state aside: %w", err)
		}
	}
	return to, nil
}

func (a *app) sayRebuilt(r rebuildReport) error {
	for _, reason := range r.Reason {
		a.say("note: %s", shownText(reason))
	}
	switch {
	case len(r.Moved) > 0:
		a.say("hint: conflict copies stay; assetsync status compares both sides anew")
		_, err := fmt.Fprintf(a.stdout, "moved %s to %s\n", wordList(r.Moved, "and"), shortPath(r.To, a.cwd))
		return err
	case r.Anew:
		_, err := fmt.Fprintln(a.stdout, "the state is sound; the next look reads every file of the remote anew")
		return err
	}
	_, err := fmt.Fprintln(a.stdout, "nothing to do")
	return err
}
