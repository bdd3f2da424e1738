//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/sync/daemon"
)

const (
	// patience is how long a condition may take to come true. Most take some
	// milliseconds; machines that run tests are slow at times.
	patience = time.Minute

	// glance is the pause between two looks at a condition.
	glance = 20 * time.Millisecond

	// endTime is how long a daemon may take to end, as it promises.
	endTime = 10 * time.Second
)

// world is a directory with a config, the remote that it is published to, and
// the daemon that watches it. Remote and daemon are processes of their own.
type world struct {
	*testing.T
	dir     string
	env     []string
	remote  *service
	daemon  *watchProcess     // nil: none runs
	private func(string) bool // slash-separated paths below dir that are never published; nil: none
}

// watchDefaults make a daemon quick. Nobody waits for the remote's news for
// less than the 5 s that are the least.
const watchDefaults = `watch: {settle: 50ms, max_wait: 1s, idle: 400ms, poll_remote: 5s}
rate: {requests_per_second: 1000, burst: 1000}
`

// newWorld makes a world of skills with two files each. Its config has them as
// targets by name, or by a glob when targets says so.
func newWorld(t *testing.T, targets string, skills ...string) *world {
	t.Helper()
	w := emptyWorld(t)
	if targets == "" {
		for _, s := range skills {
			targets += fmt.Sprintf("  - path: skills/%s\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n", s)
		}
	}
	w.config(targets)
	for _, s := range skills {
		w.skill(s)
	}
	return w
}

// globbed is the targets of a config that finds skills by a glob.
const globbed = "  - path: skills/**\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n"

func emptyWorld(t *testing.T) *world {
	t.Helper()
	home := t.TempDir()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, dir: dir}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "ASSETSYNC_") && !strings.HasPrefix(v, "GIT_") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_RUNTIME_DIR="+home, "TZ=UTC",
		"AWS_EC2_METADATA_DISABLED=true", "GORACE="+raceOptions, "GIT_CONFIG_NOSYSTEM=1")
	w.remote = newService(t)
	t.Cleanup(w.close)
	return w
}

// close ends the daemon as a service manager does, and looks at what it left.
func (w *world) close() {
	if w.daemon != nil {
		if w.Failed() {
			w.daemon.kill()
		} else {
			w.terminate()
		}
	}
	if w.Failed() {
		return
	}
	log := w.logText()
	for _, bad := range []string{"panic", "DATA RACE"} {
		if strings.Contains(log, bad) {
			w.Errorf("the log of the daemon says %s:\n%s", bad, log)
		}
	}
}

// config writes assetsync.yaml with these targets.
func (w *world) config(targets string) { w.configWith(watchDefaults, targets) }

func (w *world) configWith(settings, targets string) {
	w.Helper()
	w.save("assetsync.yaml", fmt.Sprintf("endpoint: %s\nagent_space: sp-1\n%stargets:\n%s", w.remote.url, settings, targets))
}

func skillText(name string) string {
	return fmt.Sprintf("---\nname: %s\ndescription: Look at the age of the backlog when workers fall behind.\n---\n# Steps\n1. Read the age of the backlog.\n", name)
}

// skill makes a skill of two files.
func (w *world) skill(name string) {
	w.Helper()
	w.save("skills/"+name+"/SKILL.md", skillText(name))
	w.save("skills/"+name+"/limits.md", "a limit\n")
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// save writes a file in place.
func (w *world) save(name, text string) {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	w.must(os.WriteFile(w.path(name), []byte(text), 0o644))
}

func (w *world) rename(from, to string) {
	w.Helper()
	w.must(os.MkdirAll(filepath.Dir(w.path(to)), 0o755))
	w.must(os.Rename(w.path(from), w.path(to)))
}

func (w *world) remove(name string) {
	w.Helper()
	w.must(os.RemoveAll(w.path(name)))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// health asks the daemon how it does, as watch --status --json.
func (w *world) health() (daemon.Health, error) {
	env := map[string]string{}
	for _, v := range w.env {
		k, v, _ := strings.Cut(v, "=")
		env[k] = v
	}
	a := &app{getenv: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}
	path, err := a.socketPath(w.path(".assetsync"))
	if err != nil {
		return daemon.Health{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return daemon.NewClient(path, nil).Health(ctx)
}

// until waits for a condition, which says what is missing, "" for nothing.
// The daemon, if one was started, must not end meanwhile.
func (w *world) until(what string, missing func() string) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		lack := missing()
		if lack == "" {
			return
		}
		if w.daemon != nil && w.daemon.ended() {
			w.Fatalf("the daemon ended with %d while %s is waited for (%s):\n%s", w.daemon.cmd.ProcessState.ExitCode(), what, lack, w.logText())
		}
		if time.Now().After(deadline) {
			w.Fatalf("%s: after %s still: %s\nlog of the daemon:\n%s", what, patience, lack, w.logText())
		}
		time.Sleep(glance)
	}
}

// sees waits until the health of the daemon has what is wanted of it.
func (w *world) sees(what string, missing func(daemon.Health) string) {
	w.Helper()
	w.until(what, func() string {
		h, err := w.health()
		if err != nil {
			return err.Error()
		}
		if lack := missing(h); lack != "" {
			text, _ := json.Marshal(h)
			return fmt.Sprintf("%s\nhealth: %s", lack, text)
		}
		return ""
	})
}

// tells waits until the daemon says that a target is in a state, for a reason
// that matches words. The words are what people get from watch --status, too.
func (w *world) tells(target string, state daemon.State, words string) {
	w.Helper()
	want := regexp.MustCompile(words)
	w.sees(fmt.Sprintf("%s is %s (%s)", target, state, words), func(h daemon.Health) string {
		v := viewOf(h, target)
		if v.State == state && want.MatchString(v.Reason) {
			return ""
		}
		return fmt.Sprintf("it is %q, %q", v.State, v.Reason)
	})
	w.watchSays(words)
}

// watchSays asks for words in what watch --status tells people.
func (w *world) watchSays(words string) {
	w.Helper()
	if out, _ := w.succeed("watch", "--status"); !regexp.MustCompile(words).MatchString(out) {
		w.Errorf("watch --status does not say %q:\n%s", words, out)
	}
}

// statusSays asks for words in what status tells people.
func (w *world) statusSays(words string) {
	w.Helper()
	out, errs, _ := w.run("status")
	if !regexp.MustCompile(words).MatchString(out + errs) {
		w.Errorf("status does not say %q:\n%s%s", words, out, errs)
	}
}

func viewOf(h daemon.Health, target string) daemon.View {
	for _, v := range h.Targets {
		if v.Target == target {
			return v
		}
	}
	return daemon.View{}
}

// inStep waits until the daemon says that all is in step, and looks whether
// it is: the remote holds the files that are here.
func (w *world) inStep() {
	w.Helper()
	w.sees("everything is in step", func(h daemon.Health) string {
		if h.Config != "" || h.Remote.State != daemon.InStep {
			return fmt.Sprintf("config %q, remote %q: %s", h.Config, h.Remote.State, h.Remote.Reason)
		}
		for _, v := range h.Targets {
			if lack := w.differs(v); lack != "" {
				return lack
			}
		}
		if len(h.Targets) == 0 {
			return "no targets"
		}
		return ""
	})
}

// differs says how a target is not in step.
func (w *world) differs(v daemon.View) string {
	if v.State != daemon.InStep {
		return v.Target + " is " + string(v.State) + ": " + v.Reason
	}
	local, err := w.files(v.Target)
	if err != nil {
		return err.Error()
	}
	id, err := w.remote.find(filepath.Base(v.Target))
	if err != nil {
		return err.Error()
	}
	there, err := w.remote.files(id, 0)
	if err != nil {
		return err.Error()
	}
	return cmp.Diff(local, there)
}

// files reads what is to be published of a target.
func (w *world) files(target string) (map[string]string, error) {
	files := map[string]string{}
	root := w.path(target)
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if w.private != nil && w.private(name) || d.Name() == ".gitignore" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		files[name] = string(data)
		return err
	})
	return files, err
}

// version is the newest version of a target's asset.
func (w *world) version(target string) int32 {
	w.Helper()
	v, err := w.remote.version(w.remote.idOf(filepath.Base(target)))
	w.must(err)
	return v
}

// published counts the versions that a target got above one.
func (w *world) published(target string, since int32, least, most int32) {
	w.Helper()
	if n := w.version(target) - since; n < least || n > most {
		w.Errorf("%s got %d versions, want %d to %d\n%s", target, n, least, most, w.logText())
	}
}

// pushes counts the pushes that made versions of a target, the first one
// included, of all daemons so far.
func (w *world) pushes(target string) int {
	w.Helper()
	return strings.Count(w.logText(), fmt.Sprintf(`"msg":"published","target":%q`, target))
}

// nothingDeleted asks that every version of every asset holds the files of
// its first.
func (w *world) nothingDeleted() {
	w.Helper()
	assets, err := w.remote.assets()
	w.must(err)
	for name, a := range assets {
		first, err := w.remote.files(*a.AssetId, 1)
		w.must(err)
		for v := int32(2); v <= *a.Version; v++ {
			files, err := w.remote.files(*a.AssetId, v)
			w.must(err)
			for path := range first {
				if _, ok := files[path]; !ok {
					w.Errorf("version %d of %s is without %s", v, name, path)
				}
			}
		}
	}
	if w.remote.deletions() {
		w.Errorf("something was deleted:\n%s", w.remote.logText())
	}
}
