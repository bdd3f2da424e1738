package main

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shutdownLimit is how long the daemon may take to end after SIGTERM.
const shutdownLimit = 10 * time.Second

// unitFiles are our units and drop-ins.
var unitFiles = []string{
	"systemd/user/assetsync@.service",
	"systemd/system/assetsync@.service",
	"systemd/user/no-userns.conf",
	"systemd/backoff.conf",
}

// unitSetting is one line of a unit.
type unitSetting struct{ section, key, value string }

// readUnit reads what a unit says, without comments.
func readUnit(t *testing.T, name string) (list []unitSetting) {
	t.Helper()
	section := ""
	for line := range strings.Lines(readDoc(t, name)) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		case ok && section != "":
			list = append(list, unitSetting{section, key, value})
		default:
			t.Errorf("%s: what is %q?", name, line)
		}
	}
	return list
}

// values returns what a key is set to.
func values(list []unitSetting, key string) (all []string) {
	for _, s := range list {
		if s.key == key {
			all = append(all, s.value)
		}
	}
	return all
}

// TestUnits looks at what can be seen without systemd.
func TestUnits(t *testing.T) {
	// Keys that systemd 249, the oldest one that matters, does not know.
	tooNew := regexp.MustCompile(`^(RestartSteps|RestartMaxDelaySec|RestartMode|RestrictFileSystems|OpenFile|ReloadSignal|PrivatePIDs|ConditionVersion|ExecSearchPath|SetLoginEnvironment|FileDescriptorStore.*|Memory(Pressure|ZSwap).*|DelegateSubgroup|.*ExtraFileDescriptors)$`)
	machine := regexp.MustCompile(`(^|[ :=-])/(home|root|tmp|work|Users|opt|srv)(/|\s|$)`)
	sections := []string{"Unit", "Service", "Install"}
	for _, name := range unitFiles {
		for _, s := range readUnit(t, name) {
			if !slices.Contains(sections, s.section) {
				t.Errorf("%s: section [%s]", name, s.section)
			}
			if tooNew.MatchString(s.key) && name != "systemd/backoff.conf" {
				t.Errorf("%s: %s= is not known to systemd 249", name, s.key)
			}
			if machine.MatchString(s.value) {
				t.Errorf("%s: %s=%s names a place of one machine", name, s.key, s.value)
			}
		}
	}
}

// TestUnitCommands holds the units to the program and to what it promises.
func TestUnitCommands(t *testing.T) {
	for _, name := range unitFiles[:2] {
		t.Run(name, func(t *testing.T) {
			unit := readUnit(t, name)
			start := values(unit, "ExecStart")
			line, ok := strings.CutPrefix(strings.Join(start, "\n"), ":/usr/local/bin/")
			if len(start) != 1 || !ok {
				t.Fatalf("ExecStart=%q", start)
			}
			checkCommandLine(t, line)
			got := map[string]string{}
			for _, key := range []string{"Type", "NotifyAccess", "ExecReload", "Restart", "KillMode", "SuccessExitStatus", "RestartPreventExitStatus"} {
				if v := values(unit, key); v != nil {
					got[key] = strings.Join(v, " ")
				}
			}
			want := map[string]string{
				"Type": "notify", "NotifyAccess": "main", "ExecReload": "/bin/kill -HUP $MAINPID",
				"Restart": "on-failure", "KillMode": "mixed",
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("how it is run (-want +got):\n%s", d)
			}
			stop, err := time.ParseDuration(strings.Join(values(unit, "TimeoutStopSec"), ""))
			if err != nil || stop <= shutdownLimit || stop > 3*shutdownLimit {
				t.Errorf("TimeoutStopSec is %v (%v); the daemon takes up to %v", stop, err, shutdownLimit)
			}
			for _, key := range []string{"NoExecPaths", "InaccessiblePaths", "MemoryDenyWriteExecute"} {
				if v := values(unit, key); v != nil {
					t.Errorf("%s=%s keeps credential_process from running", key, v)
				}
			}
		})
	}
}

// TestNoUserNamespaces: the drop-in takes from the user unit all that fails
// where users may not make user namespaces, as seen with systemd 252.
func TestNoUserNamespaces(t *testing.T) {
	off := map[string]string{
		"AmbientCapabilities": "", "CapabilityBoundingSet": "~", "PrivateDevices": "no", "PrivateUsers": "no",
		"ProtectClock": "no", "ProtectKernelLogs": "no", "ProtectKernelModules": "no",
	}
	want := map[string]string{}
	for _, s := range readUnit(t, "systemd/user/assetsync@.service") {
		if v, ok := off[s.key]; ok {
			want[s.key] = v
		}
		if slices.Contains([]string{"User", "Group", "DynamicUser", "SupplementaryGroups"}, s.key) {
			t.Errorf("%s= is not for user managers", s.key)
		}
	}
	got := map[string]string{}
	for _, s := range readUnit(t, "systemd/user/no-userns.conf") {
		got[s.key] = s.value
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("drop-in (-want +got):\n%s", d)
	}
}

// offlineSecurity is the first systemd whose "security" reads unit files.
const offlineSecurity = 250

// TestUnitsVerify asks systemd whether it understands the units, and how
// exposed they are.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze")
	}
	out, err := exec.Command(analyze, "--version").Output()
	if err != nil {
		t.Skipf("systemd-analyze --version: %v", err)
	}
	if version := regexp.MustCompile(`^systemd ([0-9]+)`).FindSubmatch(out); version == nil {
		t.Skipf("systemd-analyze says %q", out)
	} else if n, err := strconv.Atoi(string(version[1])); err != nil || n < offlineSecurity {
		t.Skipf("systemd %s is older than %d", version[1], offlineSecurity)
	}
	tests := map[string]struct {
		file string
		flag string
	}{
		"user":   {"systemd/user/assetsync@.service", "--user"},
		"system": {"systemd/system/assetsync@.service", "--system"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, "assetsync")
			if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			unit := filepath.Join(dir, "assetsync@.service")
			text := strings.ReplaceAll(readDoc(t, tt.file), "/usr/local/bin/assetsync", program)
			if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) (string, error) {
				cmd := exec.Command(analyze, append([]string{tt.flag, "--no-pager"}, args...)...)
				cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			// Other units of the machine are not ours to judge.
			out, err := run("verify", "--recursive-errors=no", unit)
			if err != nil || strings.Contains(out, "assetsync") {
				t.Errorf("verify: %v\n%s", err, out)
			}
			if out, err := run("security", "--offline=true", "--threshold=30", unit); err != nil {
				t.Errorf("security: %v\n%s", err, out)
			}
		})
	}
}

// documentedFiles returns the paths in a column of the manual's table of files.
func documentedFiles(t *testing.T, column int) (paths []string) {
	t.Helper()
	_, text, ok := strings.Cut(readDoc(t, "docs/daemon.md"), "<!-- files:")
	text, _, closed := strings.Cut(text, "<!-- end of files -->")
	if !ok || !closed {
		t.Fatal("the manual has no table of files")
	}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if cells := strings.Split(lines.Text(), "|"); len(cells) > column {
			if path := strings.Trim(cells[column], " `"); strings.ContainsRune(path, '/') {
				paths = append(paths, path)
			}
		}
	}
	slices.Sort(paths)
	return paths
}

// filesBelow lists the files of a directory.
func filesBelow(t *testing.T, dir, prefix string) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, prefix+name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}

// TestMakeInstall installs for a package, and into a home, then removes it
// again. The manual says what is where.
func TestMakeInstall(t *testing.T) {
	for _, tool := range []string{"make", "install", "sed"} {
		if _, err := exec.LookPath(tool); err != nil || runtime.GOOS == "windows" {
			t.Skipf("no %s", tool)
		}
	}
	tests := map[string]struct {
		column int    // of the table
		begins string // what the paths of the table begin with
		args   func(dir string) []string
		start  func(dir string) string // the program's path in ExecStart
	}{
		"as root": {
			2, "/", func(dir string) []string { return []string{"DESTDIR=" + dir, "PREFIX=/usr/local"} },
			func(string) string { return "/usr/local/bin/assetsync" },
		},
		"as a user": {
			3, "~/", func(dir string) []string { return []string{"PREFIX=" + dir + "/.local"} },
			func(dir string) string { return dir + "/.local/bin/assetsync" },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.begins == "~/" && runtime.GOOS != "linux" {
				t.Skip("no units where there is no systemd")
			}
			dir := t.TempDir()
			binary := filepath.Join(t.TempDir(), "built")
			if err := os.WriteFile(binary, []byte("program"), 0o755); err != nil {
				t.Fatal(err)
			}
			args := append(tt.args(dir), "BINARY="+binary)
			runMake(t, dir, append([]string{"install"}, args...))
			// Drop-ins depend on the machine.
			got := slices.DeleteFunc(filesBelow(t, dir, tt.begins), func(path string) bool { return strings.Contains(path, ".service.d/50-") })
			if d := cmp.Diff(documentedFiles(t, tt.column), got); d != "" {
				t.Errorf("files (-docs +got):\n%s", d)
			}
			for _, path := range got {
				checkInstalled(t, filepath.Join(dir, strings.TrimPrefix(path, tt.begins)), tt.start(dir))
			}
			runMake(t, dir, append([]string{"uninstall"}, args...))
			if left := filesBelow(t, dir, tt.begins); left != nil {
				t.Errorf("uninstall leaves %q", left)
			}
		})
	}
}

// checkInstalled looks at one installed file.
func checkInstalled(t *testing.T, name, program string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	want := fs.FileMode(0o644)
	if filepath.Base(name) == "assetsync" {
		want = 0o755
	}
	if info.Mode() != want {
		t.Errorf("%s has the mode %v, want %v", name, info.Mode(), want)
	}
	if filepath.Ext(name) != ".service" {
		return
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nExecStart=:"+program+" -C %f watch\n") {
		t.Errorf("%s does not start %s", name, program)
	}
}

// runMake runs make with a home, apart from a make that runs the tests. Go,
// which is not needed, would leave files in it.
func runMake(t *testing.T, home string, args []string) {
	t.Helper()
	cmd := exec.Command("make", append([]string{"GO=true"}, args...)...)
	cmd.Dir = root
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "XDG_DATA_HOME", "PREFIX", "DESTDIR", "BINARY"}, name)
	})
	cmd.Env = append(cmd.Env, "HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
