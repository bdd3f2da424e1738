package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"assetsync/manifest/gitrepo/githook"
	assetsync "assetsync/sync"
)

// hookReport says how a hook stands. It is the element of hooks in the JSON
// envelope.
type hookReport struct {
	Hook      string         `json:"hook"`
	Action    githook.Action `json:"action,omitempty"` // of install and uninstall
	Installed bool           `json:"installed"`
	File      string         `json:"file"`
	Line      string         `json:"line,omitempty"` // that runs the program
	Foreign   bool           `json:"foreign"`        // lines of others are in the file
	Notes     []string       `json:"notes,omitempty"`
}

// locateHooks asks git for the hooks of the worktree around the working
// directory.
func (a *app) locateHooks(ctx context.Context) (githook.Place, error) {
	p, err := githook.Locate(ctx, a.cwd, os.Environ())
	switch {
	case errors.Is(err, githook.ErrNoGit):
		return p, usageError(err, "install git: it alone knows where its hooks are", "%s: %v", a.command, err)
	case err != nil:
		return p, usageError(err, "run it in a worktree of git", "%s: %v", a.command, err)
	}
	if info, err := os.Stat(p.Dir); err == nil && !info.IsDir() {
		return p, usageError(nil, "set core.hooksPath to a directory, or unset it", "%s: git looks for hooks in %s, which is no directory: it runs none", a.command, p.Dir)
	}
	return p, nil
}

func (a *app) installHooks(ctx context.Context, hooks []string, wait bool) error {
	p, err := a.locateHooks(ctx)
	if err != nil {
		return err
	}
	path, config, err := a.hookConfig()
	if err != nil {
		return err
	}
	args, err := a.hookArgs(p, path, config, wait)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if !config.publishesCommits() {
		a.say("note: no target of %s has publish.when: commit, so there is nothing to do for a hook yet", config.shown())
	}
	var reports []hookReport
	for _, hook := range hooks {
		call := githook.Call{Hook: hook, Program: program, Name: "assetsync", Args: args}
		report, err := a.installHook(p, call)
		if err != nil {
			return errors.Join(a.showActions(reports), err)
		}
		reports = append(reports, report)
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Hooks: reports})
	}
	return a.showActions(reports)
}

// hookConfig finds and reads the config that hooks are installed for.
func (a *app) hookConfig() (path string, config *Config, err error) {
	path = a.configPath
	if path == "" {
		if path, err = FindConfig(a.cwd); err != nil {
			return "", nil, err
		}
	}
	path = a.abs(path)
	config, err = LoadConfig(path, a.cwd)
	return path, config, err
}

// hookArgs are what a hook line remembers of the command line: git starts it at
// the top of a worktree, from where the config has to be found.
func (a *app) hookArgs(p githook.Place, path string, config *Config, wait bool) (args []string, err error) {
	// git names directories by their real path.
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the config's directory: %w", err)
	}
	name := filepath.Base(path)
	found, _ := FindConfig(p.Top) // that there is none is one answer
	switch below := holdsPath(p.Top, dir); {
	case found == filepath.Join(dir, name):
	case below && name == ConfigName:
		args = append(args, "-C", slashRel(p.Top, dir))
	case below:
		args = append(args, "--config", slashRel(p.Top, filepath.Join(dir, name)))
	default:
		args = append(args, "--config", filepath.ToSlash(filepath.Join(dir, name)))
	}
	if _, err := config.chooseEnvironment(a.envName); err != nil {
		return nil, err
	}
	if a.envName != "" {
		args = append(args, "--env", a.envName)
	}
	if a.stateDir != "" {
		args = append(args, "--state", filepath.ToSlash(a.abs(a.stateDir)))
	}
	if wait {
		args = append(args, "--wait")
	}
	return args, nil
}

// slashRel returns the slash path from a directory to what lies in it.
func slashRel(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

func (a *app) installHook(p githook.Place, call githook.Call) (hookReport, error) {
	f, err := p.Find(call.Hook)
	if err != nil {
		return hookReport{}, hookError(err, p.File(call.Hook), call)
	}
	file := p.File(call.Hook)
	if legacy := file + ".legacy"; f.Path == legacy {
		file = legacy
	}
	action, err := githook.Install(file, call.Block(), !p.Husky())
	if err != nil {
		return hookReport{}, hookError(err, file, call)
	}
	report, err := a.reportHook(p, call.Hook)
	report.Action = action
	report.Notes = append(report.Notes, a.hookNotes(p, file, call)...)
	return report, err
}

// hookError makes words of a hook file that cannot be edited.
func hookError(err error, file string, call githook.Call) error {
	switch {
	case errors.Is(err, githook.ErrNotShell):
		return usageError(err, "let it run by hand: "+call.Line(), "%v", err)
	case errors.Is(err, githook.ErrNotExecutable):
		return usageError(err, "make it executable (chmod +x "+file+"), which brings its other lines to life, or remove it; then repeat the command", "%v", err)
	case errors.Is(err, githook.ErrDamaged):
		return usageError(err, "take out by hand what is left of the block, and repeat the command", "%v", err)
	}
	return err
}

// hookNotes are what is worth knowing of the place of an installed hook.
func (a *app) hookNotes(p githook.Place, file string, call githook.Call) (notes []string) {
	f, err := githook.Read(file)
	if err != nil {
		return nil // it was written a moment ago
	}
	shown := shortPath(f.Path, a.cwd)
	switch f.Generator() {
	case githook.Lefthook:
		notes = append(notes, fmt.Sprintf("lefthook writes %s anew when its config changes, without these lines; to stay, put into lefthook.yml under %s: jobs: - run: assetsync hook run %s", shown, call.Hook, call.Hook))
	case githook.PreCommit:
		notes = append(notes, fmt.Sprintf("pre-commit install writes %s anew, without these lines: repeat assetsync hook install after it", shown))
	}
	inRepository := holdsPath(p.Common, f.Path)
	switch {
	case holdsPath(p.Top, f.Path) && !inRepository && !holdsPath(filepath.Join(p.Top, ".git"), f.Path):
		notes = append(notes, shown+" is a file of the worktree: once it is committed, others have the hook too; it looks for the program in their PATH")
	case !inRepository && !holdsPath(p.Top, f.Path):
		notes = append(notes, shown+" may be the hook of other repositories as well: where there is no "+ConfigName+", it does nothing")
	}
	return notes
}

func (a *app) uninstallHooks(ctx context.Context, hooks []string) error {
	p, err := a.locateHooks(ctx)
	if err != nil {
		return err
	}
	var reports []hookReport
	for _, hook := range hooks {
		for i, file := range append([]string{p.File(hook)}, p.Others(hook)...) {
			action, err := githook.Uninstall(file)
			if err != nil {
				return errors.Join(a.showActions(reports), hookError(err, file, githook.Call{}))
			}
			if i == 0 || action == githook.Removed {
				reports = append(reports, hookReport{Hook: hook, Action: action, File: file})
			}
		}
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Hooks: reports})
	}
	return a.showActions(reports)
}

// showActions prints what became of hooks.
func (a *app) showActions(reports []hookReport) error {
	for _, r := range reports {
		if _, err := fmt.Fprintf(a.stdout, "%s: %s (%s)\n", r.Hook, r.Action, shortPath(r.File, a.cwd)); err != nil {
			return err
		}
		a.sayAll(r.Notes)
	}
	return nil
}

// reportHook looks at one hook.
func (a *app) reportHook(p githook.Place, hook string) (hookReport, error) {
	f, err := p.Find(hook)
	if err != nil {
		return hookReport{}, err
	}
	r := hookReport{Hook: hook, File: f.Path, Line: githook.Line(f.Text)}
	r.Installed, r.Foreign = r.Line != "", f.Text != nil && f.IsForeign()
	for _, other := range p.Others(hook) {
		if o, err := githook.Read(other); err == nil && o.Path != f.Path && githook.Line(o.Text) != "" {
			r.Notes = append(r.Notes, shortPath(o.Path, a.cwd)+" has the lines too, and git itself does not run it; assetsync hook uninstall takes them out there as well")
		}
	}
	return r, nil
}

func (a *app) hookStatus(ctx context.Context) error {
	p, err := a.locateHooks(ctx)
	if err != nil {
		return err
	}
	var reports []hookReport
	for _, hook := range hookNames() {
		report, err := a.reportHook(p, hook)
		if err != nil {
			return err
		}
		reports = append(reports, report)
	}
	last, err := a.lastHookRun()
	if err != nil {
		return err
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Hooks: reports, LastRun: last})
	}
	return a.showHooks(reports, last)
}

func (a *app) showHooks(reports []hookReport, last *hookRecord) error {
	rows := [][]string{{"HOOK", "STATE", "FILE", "BESIDE"}}
	for _, r := range reports {
		state, beside := "not installed", ""
		if r.Installed {
			state = "installed"
		}
		if r.Foreign {
			beside = "lines of others"
		}
		rows = append(rows, []string{r.Hook, state, shortPath(r.File, a.cwd), beside})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	for _, r := range reports {
		if !r.Installed {
			continue
		}
		if _, err := fmt.Fprintf(a.stdout, "%s runs: %s\n", r.Hook, r.Line); err != nil {
			return err
		}
	}
	for _, r := range reports {
		a.sayAll(r.Notes)
	}
	if last == nil {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "last run: %s\n", last)
	return err
}

// lastHookRun returns what is on record of hooks for the config around here;
// nil without a config or a run.
func (a *app) lastHookRun() (*hookRecord, error) {
	dir, err := a.runningState()
	if e := (*assetsync.Error)(nil); errors.As(err, &e) && e.Kind == assetsync.KindUsage {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readHookRecord(dir)
}

// publishesCommits reports whether some entry may make targets that publish
// commits. It looks at no file, so that a hook that has nothing to do is quick.
func (c *Config) publishesCommits() bool {
	return slices.ContainsFunc(c.Targets, func(t TargetConfig) bool { return t.whenOf() == assetsync.OnCommit })
}
