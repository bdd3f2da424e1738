package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imageUser is who runs the program in the image.
const imageUser = 65532

// instruction is one of a Dockerfile.
type instruction struct {
	name  string
	flags map[string]string
	args  []string
}

// readDockerfile parses the part of the language that ours is written in.
func readDockerfile(t *testing.T) (list []instruction) {
	t.Helper()
	text := strings.ReplaceAll(readDoc(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		one := instruction{name: words[0], flags: map[string]string{}}
		for _, w := range words[1:] {
			if flag, ok := strings.CutPrefix(w, "--"); ok && len(one.args) == 0 {
				name, value, _ := strings.Cut(flag, "=")
				one.flags[name] = value
				continue
			}
			one.args = append(one.args, w)
		}
		list = append(list, one)
	}
	return list
}

// TestDockerfile holds the Dockerfile to the sources and to what is said of
// the image.
func TestDockerfile(t *testing.T) {
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readDoc(t, "go.mod"))[1]
	var stages []string           // names, or images where they have none
	last := map[string][]string{} // arguments in the last stage, by instruction
	for _, i := range readDockerfile(t) {
		switch i.name {
		case "FROM":
			stages, last = append(stages, i.args[len(i.args)-1]), map[string][]string{}
			if i.args[0] != "scratch" && i.args[0] != "golang:"+goVersion {
				t.Errorf("FROM %s: want scratch, or golang:%s as in go.mod", i.args[0], goVersion)
			}
		case "COPY":
			checkCopy(t, i, stages)
		case "LABEL", "USER", "WORKDIR", "ENTRYPOINT", "RUN", "ARG":
		default:
			t.Errorf("%s is not known to this test", i.name)
		}
		last[i.name] = append(last[i.name], strings.Join(i.args, " "))
	}
	if stages[len(stages)-1] != "scratch" {
		t.Errorf("the image is made of %s", stages[len(stages)-1])
	}
	want := map[string][]string{
		"USER": {"65532:65532"}, "WORKDIR": {"/work"}, "ENTRYPOINT": {`["/usr/local/bin/assetsync"]`}, "RUN": nil,
		"COPY": {
			"/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
			"/root-of-image/ /",
			"/src/bin/assetsync /usr/local/bin/assetsync",
		},
	}
	for name := range want {
		if d := cmp.Diff(want[name], last[name]); d != "" {
			t.Errorf("%s of the image (-want +got):\n%s", name, d)
		}
	}
	if len(last["LABEL"]) != 1 {
		t.Error("the image has no labels")
	}
}

// checkCopy asks for what is copied: a file of the sources, or a stage.
func checkCopy(t *testing.T, i instruction, stages []string) {
	t.Helper()
	if from, ok := i.flags["from"]; ok {
		if !slices.Contains(stages, from) {
			t.Errorf("COPY --from=%s: there is no such stage", from)
		}
		return
	}
	for _, name := range i.args[:len(i.args)-1] {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("COPY: %v", err)
		}
	}
}

// TestDockerignore keeps tracked files in the image's context: one that is
// left out would count as deleted.
func TestDockerignore(t *testing.T) {
	ignored := strings.Fields(readDoc(t, ".gitignore"))
	for line := range strings.Lines(readDoc(t, ".dockerignore")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name := strings.TrimPrefix(line, "**/"); !slices.Contains(ignored, name+"/") {
			t.Errorf("%s is not in .gitignore as %s/", line, name)
		}
	}
}

// TestEmptyImage runs a static build as the image does: a root directory that
// holds nothing else, another user than root, an empty environment.
func TestEmptyImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "usr", "local", "bin", "assetsync")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "./cmd/assetsync")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	emulator, url, err := startEmulator(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = (&process{emulator}).stop() }) // it holds nothing
	work := filepath.Join(dir, "work")
	copyDir(t, filepath.Join(demoDir, "skills", "queue-backlog"), filepath.Join(work, "skills", "one"))
	config := "endpoint: " + url + "\nagent_space: sp-1\ntargets:\n  - path: skills/**\n    metadata: {agent_types: [GENERIC]}\n"
	if err := os.WriteFile(filepath.Join(work, ConfigName), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	makeOpen(t, dir)
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.Command("/usr/local/bin/assetsync", args...)
		cmd.Dir, cmd.Env = "/work", []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}}
		out, err := cmd.CombinedOutput()
		code, exit := 0, (*exec.ExitError)(nil)
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want {
			t.Errorf("%q: exit code %d, want %d\n%s", args, code, want, out)
		}
		return string(out)
	}
	direct := []string{"push", "skills/one", "--endpoint", url, "--region", "eu-west-1", "--agent-space", "sp-2"}
	if out := run(1, direct...); !strings.Contains(out, "hint: a push without a config needs a directory for temporary files: name one with TMPDIR\n") {
		t.Errorf("without /tmp it says:\n%s", out)
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o777); err != nil {
		t.Fatal(err)
	}
	makeOpen(t, dir)
	for _, verb := range [][]string{direct, {"push"}, {"status"}, {"log"}, {"version"}} {
		run(0, verb...)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left in /tmp: %v, %v", left, err)
	}
}

// makeOpen gives a tree to the user of the image.
func makeOpen(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, imageUser, imageUser))
	})
	if err != nil {
		t.Fatal(err)
	}
}
