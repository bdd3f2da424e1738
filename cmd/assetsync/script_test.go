package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(sharing{m}, map[string]func(){"assetsync": main, "terminal": terminalMain})
}

// shared is a directory for what is made once for many tests.
var shared string

// sharing makes the shared directory for the tests, and removes it.
type sharing struct{ tests *testing.M }

// Run returns the exit code.
func (s sharing) Run() (code int) {
	// In CI a push verifies, too. The programs that tests start do so where a test
	// says so, wherever the tests run.
	err := os.Unsetenv("CI")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if shared, err = os.MkdirTemp("", "shared-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(shared); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return s.tests.Run()
}

// TestScript runs the scripts of testdata/script. They see no home, no AWS
// configuration but a key, and use no network but the loopback.
func TestScript(t *testing.T) {
	demo, err := filepath.Abs("../../testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("DEMO", demo)
			env.Setenv("TZ", "UTC")
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
			env.Setenv("AWS_SECRET_ACCESS_KEY", "example-secret")
			env.Setenv("GORACE", raceOptions)
			env.Values[emulatorKey{}] = map[string]*process{}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    awaitCmd,
			"copytree": copytreeCmd,
			"emulator": emulatorCmd,
			"exits":    exitsCmd,
			"fill":     fillCmd,
			"freeze":   freezeCmd,
			"json":     jsonCmd,
			"keys":     keysCmd,
			"oddzip":   oddzipCmd,
			"samejson": samejsonCmd,
			"sametree": sametreeCmd,
			"setjson":  setjsonCmd,
			"sts":      stsCmd,
			"thaw":     thawCmd,
			"until":    untilCmd,
		},
	})
}

// raceOptions take away the second that a program with the race detector
// waits at its end; there are hundreds of them.
const raceOptions = "atexit_sleep_ms=0"

// exitsCmd is "exits CODE COMMAND ARG...": the command ends with that code.
func exitsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

type emulatorKey struct{}

// process is a program beside a script, which "kill -9" would not find
// otherwise.
type process struct{ cmd *exec.Cmd }

func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return cmd.Wait()
}

// emulatorCmd is "emulator FLAG...": it starts an emulator with them and puts
// its address into URL, and what it logs into emulator.log. One that runs
// already is ended; "emulator stop" does only that. With "-as NAME" before all
// else it is another one, whose address is in NAME and its log in NAME.log.
func emulatorCmd(ts *testscript.TestScript, neg bool, args []string) {
	all, ok := ts.Value(emulatorKey{}).(map[string]*process)
	if neg || !ok {
		ts.Fatalf("usage: emulator [-as NAME] FLAG... | emulator [-as NAME] stop")
	}
	name, logName := "URL", "emulator.log"
	if len(args) > 1 && args[0] == "-as" {
		name, logName, args = args[1], args[1]+".log", args[2:]
	}
	p := all[name]
	if p == nil {
		p = &process{}
		all[name] = p
	}
	ts.Check(p.stop())
	if slices.Equal(args, []string{"stop"}) {
		return
	}
	logFile, err := os.Create(filepath.Join(ts.Getenv("WORK"), logName))
	ts.Check(err)
	defer logFile.Close()
	cmd, url, err := startEmulator(ts.Getenv("WORK"), logFile, args...)
	ts.Check(err)
	p.cmd = cmd
	ts.Defer(func() { _ = p.stop() }) // after a failure nobody looks at its end
	ts.Setenv(name, url)
}

// startEmulator starts an emulator in a directory and returns its address.
func startEmulator(dir string, log io.Writer, args ...string) (*exec.Cmd, string, error) {
	cmd := exec.Command("assetsync", append([]string{"emulator", "-v", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, log
	cmd.Env = append(os.Environ(), "GORACE="+raceOptions)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		return nil, "", errors.Join(fmt.Errorf("emulator says %q", line), err, (&process{cmd}).stop())
	}
	return cmd, url, nil
}

// scriptPatience is for as long as anything of a script may take on a machine that
// has other work.
const scriptPatience = 30 * time.Second

// patiently calls done until it is true.
func patiently(done func() bool) bool {
	for deadline := time.Now().Add(scriptPatience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return done()
}

// awaitCmd is "await FILE REGEXP": it waits until the file says so.
func awaitCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var data []byte
	if !patiently(func() bool {
		data, err = os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && want.Match(data)
	}) {
		ts.Fatalf("%s never said %s: %v\n%s", args[0], args[1], err, data)
	}
}

// untilCmd is "until REGEXP COMMAND ARG...": it runs the command until it
// prints that on standard output, whatever its exit code.
func untilCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND ARG...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	if !patiently(func() bool {
		err = ts.Exec(args[1], args[2:]...)
		return want.MatchString(ts.ReadFile("stdout"))
	}) {
		ts.Fatalf("%q never printed %s: %v", args[1:], args[0], err)
	}
}

// freezeCmd is "freeze PIDFILE": it stops the process, at a moment when that
// has not the state open, and makes sure that it goes on at the end.
func freezeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeze PIDFILE")
	}
	pid := strings.TrimSpace(ts.ReadFile(args[0]))
	owner := ts.MkAbs(filepath.Join(".assetsync", "state.db.owner"))
	if !patiently(func() bool {
		ts.Check(ts.Exec("kill", "-STOP", pid))
		if _, err := os.Stat(owner); err != nil {
			return true
		}
		ts.Check(ts.Exec("kill", "-CONT", pid))
		return false
	}) {
		ts.Fatalf("process %s has the state open all the time", pid)
	}
	// A frozen process would not end when the script does.
	ts.Defer(func() { _ = exec.Command("kill", "-CONT", pid).Run() }) // it may have ended
}

// thawCmd is "thaw PIDFILE": the process goes on.
func thawCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: thaw PIDFILE")
	}
	ts.Check(ts.Exec("kill", "-CONT", strings.TrimSpace(ts.ReadFile(args[0]))))
}

// samejsonCmd is "samejson A B KEY...": both files hold the same JSON, but for
// these keys of any object.
func samejsonCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: samejson A B KEY...")
	}
	read := func(name string) (v any) {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &v))
		return v
	}
	leftOut := cmpopts.IgnoreMapEntries(func(key string, _ any) bool { return slices.Contains(args[2:], key) })
	if d := cmp.Diff(read(args[0]), read(args[1]), leftOut); d != "" {
		ts.Fatalf("%s and %s (-A +B):\n%s", args[0], args[1], d)
	}
}

// jsonCmd is "json PATH VALUE": the last standard output is JSON that holds
// the value there. PATH is names and numbers with dots; len is a length. Texts
// need no quotes. "! json PATH" says that there is nothing.
func jsonCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg && len(args) != 1 || !neg && len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE | ! json PATH")
	}
	v, ok := lookJSON(ts, args[0])
	if neg {
		if ok {
			ts.Fatalf("%s is there: %s", args[0], jsonText(v))
		}
		return
	}
	if !ok {
		ts.Fatalf("%s is not there", args[0])
	}
	got, isText := v.(string)
	if !isText {
		got = jsonText(v)
	}
	if got != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], got, args[1])
	}
}

// setjsonCmd is "setjson NAME PATH": the environment variable is the text
// there.
func setjsonCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setjson NAME PATH")
	}
	v, _ := lookJSON(ts, args[1])
	text, ok := v.(string)
	if !ok {
		ts.Fatalf("%s is no text", args[1])
	}
	ts.Setenv(args[0], text)
}

// keysCmd is "keys PATH NAME...": the object there has these keys, no others.
func keysCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: keys PATH NAME...")
	}
	v, _ := lookJSON(ts, args[0])
	object, ok := v.(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object", args[0])
	}
	var got []string
	for k := range object {
		got = append(got, k)
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(args[1:]))
	if d := cmp.Diff(want, got); d != "" {
		ts.Fatalf("keys of %s (-want +got):\n%s", args[0], d)
	}
}

func lookJSON(ts *testscript.TestScript, path string) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var v any
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("standard output is not JSON: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		ts.Fatalf("standard output holds more than one JSON value")
	}
	for name := range strings.SplitSeq(strings.Trim(path, "."), ".") {
		switch at := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = at[name]; !ok && name != "" {
				return nil, false
			} else if name == "" {
				v = at
			}
		case []any:
			i, err := strconv.Atoi(name)
			if name == "len" {
				return float64(len(at)), true
			}
			if err != nil || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// fillCmd is "fill FILE BYTES": content that no zip makes smaller.
func fillCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, n)
	if _, err := rand.NewChaCha8([32]byte{}).Read(data); err != nil {
		ts.Fatalf("fill: %v", err)
	}
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, data, 0o644))
}

// copytreeCmd is "copytree FROM TO", without state.
func copytreeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copytree FROM TO")
	}
	for name, data := range readTree(ts, args[0]) {
		to := filepath.Join(ts.MkAbs(args[1]), name)
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
		ts.Check(os.WriteFile(to, []byte(data), 0o644))
	}
}

// sametreeCmd is "sametree A B": both directories hold the same files.
func sametreeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sametree A B")
	}
	d := cmp.Diff(readTree(ts, args[0]), readTree(ts, args[1]))
	if (d == "") == neg {
		ts.Fatalf("%s and %s (-A +B):\n%s", args[0], args[1], d)
	}
}

// readTree reads the files below a directory, but for state.
func readTree(ts *testscript.TestScript, dir string) map[string]string {
	files := map[string]string{}
	fsys := os.DirFS(ts.MkAbs(dir))
	ts.Check(fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".assetsync":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = string(data)
		return err
	}))
	return files
}

// oddzipCmd is "oddzip FILE": it puts into ODDURL the address of a remote
// that is the one of URL, but for FILE in the place of every zip.
func oddzipCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oddzip FILE")
	}
	zip := base64.StdEncoding.EncodeToString([]byte(ts.ReadFile(args[0])))
	to, err := url.Parse(ts.Getenv("URL"))
	ts.Check(err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/content") {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"content":{"zipFile":%q},"version":%s}`, zip, r.URL.Query().Get("assetVersion"))
	}))
	ts.Defer(server.Close)
	ts.Setenv("ODDURL", server.URL)
}

// stsCmd is "sts ACCOUNT": it starts such an STS, for all commands that follow.
func stsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sts ACCOUNT")
	}
	server := startSTS(args[0])
	ts.Defer(server.Close)
	ts.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
}

// startSTS serves an STS that says that every caller is of one account.
func startSTS(account string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::%[1]s:user/demo</Arn><UserId>AIDAEXAMPLE</UserId><Account>%[1]s</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>`, account)
	}))
}

// TestExamples asks for an example of every command, and for examples whose
// words and flags exist. TestExamplesRun runs them.
func TestExamples(t *testing.T) {
	root := (&app{}).rootCommand()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		if cmd.Example == "" && cmd.Name() != "help" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   ")
			checkCommandLine(t, line)
		}
	}
	visit(root)
}

// checkCommandLine asks for a command line whose words and flags exist.
func checkCommandLine(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	cmd, rest, err := (&app{}).rootCommand().Find(args[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || args[0] != "assetsync" {
		t.Errorf("%q: %v", line, err)
	}
}
