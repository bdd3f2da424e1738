package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/coreos/go-systemd/v22/unit"

	"assetsync/manifest/gitrepo/githook"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// runProgram runs a program of this machine and returns what it prints.
func runProgram(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = githook.CleanEnviron(os.Environ())
	cmd.Stdout = &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// checkWatches compares the directories of the targets with how many may be watched.
func (d *doctor) checkWatches() {
	const check = "watches"
	limit, raise := d.system.watchLimit()
	if limit == 0 || d.config.Watch().Mode == string(watcher.Poll) {
		return
	}
	dirs := 0
	for _, dir := range d.targetDirs() {
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || !e.IsDir() {
				return nil // what cannot be read is not watched, either
			}
			if neverHoldsAssets(e.Name()) {
				return fs.SkipDir
			}
			if dirs++; dirs > maxWalked {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			d.failBy(check, fmt.Errorf("count directories: %w", err))
			return
		}
	}
	if dirs > limit {
		d.warn(check, raise, "the targets have %d directories, and this user may watch %d: assetsync watch looks at the others again and again", dirs, limit)
		return
	}
	d.ok(check, "%s to watch, of %d that this user may", strings.Replace(count(dirs, "directory"), "directorys", "directories", 1), limit)
}

// checkFileSystem looks at what the directories lie on.
func (d *doctor) checkFileSystem() {
	const check = "file system"
	for _, dir := range append(d.targetDirs(), d.config.Dir) {
		if kind := d.system.fileSystem(dir); kind != "" {
			d.warn(check, "set watch.mode: poll, or keep the files on a disk of this machine", "%s lies on %s, which does not tell what others change: assetsync watch looks again and again", shortPath(dir, d.cwd), kind)
			return
		}
	}
	notes := []string{"names that differ by case are different files"}
	if foldsCase(d.config.configFile()) {
		notes[0] = "names that differ by case are one file here"
	}
	if dir := d.stateDirOf(); dir != "" {
		can, err := d.system.exchanges(dir)
		switch {
		case err != nil:
			d.fail(check, exitCode(assetsync.KindFailed), "make it writable, or use another --state", "%s cannot be written: %s", shortPath(dir, d.cwd), plainCause(err))
			return
		case !can:
			d.warn(check, "keep the files on another file system where that matters", "files cannot be swapped in one step: while a pull replaces one, its name is missing for a moment")
			return
		}
		notes = append(notes, "files are swapped in one step")
	}
	d.ok(check, "%s", strings.Join(notes, ", "))
}

// foldsCase reports whether a file that exists is there under another case, too.
func foldsCase(name string) bool {
	swapped := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, filepath.Base(name))
	one, err := os.Lstat(name)
	if err != nil {
		return false
	}
	other, err := os.Lstat(filepath.Join(filepath.Dir(name), swapped))
	return err == nil && os.SameFile(one, other)
}

// checkGit looks at git and at the repository around the config.
func (d *doctor) checkGit(ctx context.Context) {
	const check = "git"
	dir := d.cwd
	if d.config != nil {
		dir = d.config.Dir
	}
	repo, err := d.worktrees.find(dir)
	if err != nil {
		d.fail(check, exitCode(assetsync.KindFailed), "repair the repository; assetsync reads it itself", "%v", err)
		return
	}
	version, err := d.system.run(ctx, "git", "--version")
	switch {
	case err != nil && repo == nil:
		d.ok(check, "is not installed, and nothing here needs it")
		return
	case err != nil:
		d.warn(check, "install git", "git cannot be run (%v): hooks need it, all else works without", err)
		return
	case repo == nil:
		d.ok(check, "%s; this is in no repository", version)
		return
	}
	shallow, err := repo.IsShallow()
	if err != nil {
		d.failBy(check, err)
		return
	}
	state, err := repo.State()
	switch {
	case err != nil:
		d.failBy(check, err)
	case shallow:
		d.warn(check, "git fetch --unshallow; in a pipeline fetch-depth: 0", "the clone is shallow: without a state, nobody can tell which commit is live")
	case state.Operation != "":
		d.warn(check, "finish it with git, or abort it", "%s is in progress: nothing is published until it is over", state.Operation)
	default:
		d.ok(check, "%s, repository %s", version, shortPath(repo.Top(), d.cwd))
	}
}

// checkHook looks at the hooks of git, where commits are to be published.
func (d *doctor) checkHook(ctx context.Context) {
	const check = "hook"
	if !d.config.publishesCommits() {
		return
	}
	p, err := githook.Locate(ctx, d.config.Dir, os.Environ())
	if err != nil {
		d.warn(check, "install git, or let assetsync watch publish commits", "%v", err)
		return
	}
	var installed, foreign []string
	for _, hook := range hookNames() {
		r, err := d.reportHook(p, hook)
		if err != nil {
			d.failBy(check, err)
			return
		}
		switch {
		case r.Installed:
			installed = append(installed, hook)
		case r.Foreign:
			foreign = append(foreign, hook)
		}
	}
	beside := ""
	if len(foreign) > 0 {
		beside = "; " + wordList(foreign, "and") + " of others stay as they are"
	}
	if len(installed) == 0 {
		d.warn(check, "assetsync hook install, or keep assetsync watch running", "targets publish commits, and no hook is installed%s", beside)
		return
	}
	d.ok(check, "%s installed%s", wordList(installed, "and"), beside)
}

// checkUnit looks at the user's unit of systemd for this directory.
func (d *doctor) checkUnit(ctx context.Context) {
	const check = "unit"
	if !d.system.hasSystemd() {
		return
	}
	name := "assetsync@" + unit.UnitNamePathEscape(d.config.Dir) + ".service"
	// Both say it in a word, and exit with a code of their own.
	enabled, enabledErr := d.system.run(ctx, "systemctl", "--user", "is-enabled", name)
	active, activeErr := d.system.run(ctx, "systemctl", "--user", "is-active", name)
	switch {
	case enabled == "" && active == "":
		d.warn(check, "log in with a session of the user, as ssh and a desktop give one", "the user's systemd does not answer: %v", errors.Join(enabledErr, activeErr))
	case active == "failed":
		d.fail(check, exitCode(assetsync.KindFailed), "journalctl --user -u "+name+" says why", "%s has failed", name)
	case active == "active" || active == "reloading" || active == "activating":
		d.ok(check, "%s is %s", name, active)
	case enabled == "enabled":
		d.warn(check, "systemctl --user start "+name, "%s is enabled and not running", name)
	default:
		d.ok(check, "none runs for this directory; assetsync watch does without")
	}
}

// checkNames looks for files that a push would refuse, names above all.
func (d *doctor) checkNames(ctx context.Context) {
	const check = "files"
	wrong, looked := []string{}, 0
	for _, t := range d.targets {
		if !t.Direction.Publishes() {
			continue
		}
		repo, err := d.worktrees.around(t)
		if err == nil {
			var l assetsync.Linted
			if l, err = assetsync.Lint(ctx, t, repo); err == nil {
				looked++
				for _, f := range l.Findings {
					if f.Severity == assettype.Error {
						wrong = append(wrong, fmt.Sprintf("%s: %s", strings.TrimSuffix(t.Name+"/"+string(f.Path), "/"), f.Message))
					}
				}
				continue
			}
		}
		d.failBy(check, fmt.Errorf("look at %s: %w", t.Name, err))
		return
	}
	switch {
	case len(wrong) > 1:
		d.fail(check, exitCode(assetsync.KindGuard), "assetsync lint shows them all, with what to do", "%d would stop a push: %s, …", len(wrong), wrong[0])
	case len(wrong) == 1:
		d.fail(check, exitCode(assetsync.KindGuard), "assetsync lint shows what to do", "a push would stop: %s", wrong[0])
	case looked > 0:
		d.ok(check, "all of %s can be published", count(looked, "target"))
	}
}
