//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"assetsync/remote/emulator"
	"assetsync/sync/daemon"
)

var (
	benchRun     = flag.Bool("watch.bench", false, "measure assetsync watch and print a table")
	benchProgram = flag.String("watch.program", "assetsync", "the `program` to measure")
	benchSaves   = flag.Int("watch.saves", 40, "measure so many `saves`")
	benchIdle    = flag.Duration("watch.idle", time.Minute, "measure the idle process for so `long`")
)

const (
	// benchSettle is watch.settle of the measured config: the default.
	benchSettle = 100 * time.Millisecond

	// benchRate is a rate that nothing waits for.
	benchRate = 100_000

	// benchPatience is how long anything measured may take: 200 new targets
	// at 10 requests a second take two minutes.
	benchPatience = 10 * time.Minute

	// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which
	// is 100 on all that Go runs on. See proc(5).
	clockTick = 10 * time.Millisecond
)

// benchCase is one thing to measure.
type benchCase struct {
	targets  int
	files    int // of each target
	embedded bool
	byRename bool // saves write another file and rename it, as most editors do
	rate     int  // 0: the default one; only the start is measured then
	quota    int  // of the remote; 0: the service's
}

func (c benchCase) String() string {
	remote := "loopback"
	if c.embedded {
		remote = "embedded"
	}
	return fmt.Sprintf("%d x %d, %s", c.targets, c.files, remote)
}

// TestWatchSpeed measures, over the real program in its own process, how long
// after a save the new version is there, and what the daemon costs. It asserts
// no times: it prints them.
func TestWatchSpeed(t *testing.T) {
	if !*benchRun {
		t.Skip("make bench-watch runs it")
	}
	var table, starts [][]string
	for _, c := range []benchCase{
		{targets: 1, files: 100, rate: benchRate},
		{targets: 1, files: 100, rate: benchRate, byRename: true},
		{targets: 1, files: 100, rate: benchRate, embedded: true},
		{targets: 200, files: 100, rate: benchRate},
		{targets: 200, files: 100, rate: benchRate, embedded: true},
		{targets: 200, files: 100},
	} {
		name := c.String()
		if c.byRename {
			name += ", rename"
		}
		if c.rate == 0 {
			name += ", default rate"
		}
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c)
			fresh := b.start()
			b.stop()
			again := b.start()
			starts = append(starts, []string{name, rateText(c), seconds(fresh), seconds(again)})
			if c.rate != 0 {
				table = append(table, append([]string{name}, b.measure()...))
			}
			b.stop()
		})
	}
	fmt.Printf("\nFrom a save to the version, beyond watch.settle (%s); %d saves each.\n", benchSettle, *benchSaves)
	fmt.Print("written: the remote makes the version; recorded: proved, and in the daemon's state.\n\n")
	printTable([]string{"files, remote", "written: median", "p90", "max", "recorded: median", "p90", "max", "RSS", "peak", "watches", fmt.Sprintf("CPU in %s idle", benchIdle), "wake-ups/s"}, table)
	fmt.Print("\nFrom the start of the process until every target is in step.\n\n")
	printTable([]string{"files, remote", "requests/s", "nothing published yet", "all in step"}, starts)
}

func rateText(c benchCase) string {
	switch {
	case c.embedded:
		return "no limit"
	case c.rate == 0:
		return "10 (default)"
	}
	return strconv.Itoa(c.rate)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func printTable(head []string, rows [][]string) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	line := func(cells []string) { fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| ")) }
	line(head)
	line(slices.Repeat([]string{"---"}, len(head)))
	for _, row := range rows {
		line(row)
	}
	w.Flush()
	fmt.Print(b.String())
}

// bench is a directory of skills with a daemon on it.
type bench struct {
	*testing.T
	c        benchCase
	dir      string
	env      []string
	data     string // of the emulator
	emulator *exec.Cmd
	daemon   *exec.Cmd
	lines    chan benchLine
	ended    chan error
	random   *rand.Rand
}

// benchLine is a line of the daemon's log, with the time at which it came.
type benchLine struct {
	at     time.Time
	Msg    string `json:"msg"`
	Target string `json:"target"`
	Calls  int    `json:"calls"`
}

func newBench(t *testing.T, c benchCase) *bench {
	t.Helper()
	home := t.TempDir()
	b := &bench{T: t, c: c, dir: filepath.Join(home, "skills"), data: filepath.Join(home, "data"), random: rand.New(rand.NewPCG(1, 1))}
	b.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "AWS_EC2_METADATA_DISABLED=true"}
	for i := range c.targets {
		for j := range c.files - 1 {
			b.write(b.file(i, j), b.text())
		}
		b.write(filepath.Join(b.dir, targetName(i), "SKILL.md"), fmt.Sprintf("---\nname: %s\ndescription: %s\n---\n\nText.\n", targetName(i), strings.Repeat("What it does. ", 10)))
	}
	config := "endpoint: embedded\n"
	if !c.embedded {
		config = "region: eu-west-1\nagent_space: sp-bench\nendpoint: " + b.startRemote() + "\n"
	}
	if c.rate > 0 {
		config += fmt.Sprintf("rate: {requests_per_second: %d, burst: %d}\n", c.rate, c.rate)
	}
	b.write(filepath.Join(b.dir, "assetsync.yaml"), config+"targets:\n  - path: \"*\"\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n")
	return b
}

func targetName(i int) string { return fmt.Sprintf("skill-%03d", i) }

// file names file j of target i; ten lie in a directory.
func (b *bench) file(i, j int) string {
	return filepath.Join(b.dir, targetName(i), "references", fmt.Sprint("part-", j/10), fmt.Sprintf("file-%02d.md", j))
}

// text is 2 KB that no other file holds.
func (b *bench) text() string {
	var text strings.Builder
	for text.Len() < 2000 {
		fmt.Fprintf(&text, "line %x of a reference\n", b.random.Uint64())
	}
	return text.String()
}

func (b *bench) write(name, text string) {
	b.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		b.Fatal(err)
	}
}

// startRemote starts an emulator in a process of its own.
func (b *bench) startRemote() string {
	b.Helper()
	b.emulator = exec.Command(*benchProgram, "emulator", "--addr", "127.0.0.1:0", "--data", b.data, "--quota", strconv.Itoa(b.c.quota))
	b.emulator.Env, b.emulator.Stderr = b.env, os.Stderr
	stdout, err := b.emulator.StdoutPipe()
	if err == nil {
		err = b.emulator.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { b.end(&b.emulator) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		b.Fatalf("the emulator says %q: %v", line, err)
	}
	return url
}

// start starts the daemon and returns how long it took to have every target
// in step.
func (b *bench) start() time.Duration {
	b.Helper()
	began := time.Now()
	b.daemon = exec.Command(*benchProgram, "-C", b.dir, "watch", "--log-format", "json")
	b.daemon.Env = b.env
	stderr, err := b.daemon.StderrPipe()
	if err == nil {
		err = b.daemon.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.lines, b.ended = make(chan benchLine, 10*b.c.targets+1000), make(chan error, 1)
	go func() { b.ended <- b.read(stderr, b.lines) }()
	b.Cleanup(b.stop)
	client := b.client()
	for {
		h, err := client.Health(b.Context())
		ready := err == nil && len(h.Targets) == b.c.targets &&
			!slices.ContainsFunc(h.Targets, func(v daemon.View) bool { return v.State != daemon.InStep })
		if ready {
			return time.Since(began)
		}
		if time.Since(began) > benchPatience {
			b.Fatalf("not in step within %s: %v, %s", benchPatience, err, h.Summary)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// read reads the log to its end.
func (b *bench) read(log io.Reader, lines chan<- benchLine) error {
	in := bufio.NewScanner(log)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := benchLine{at: time.Now()}
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			return fmt.Errorf("the daemon says %q: %w", in.Text(), err)
		}
		lines <- line
	}
	return in.Err()
}

func (b *bench) client() *daemon.Client {
	b.Helper()
	getenv := func(name string) (string, bool) { return filepath.Dir(b.dir), name == "XDG_RUNTIME_DIR" }
	path, err := (&app{getenv: getenv}).socketPath(filepath.Join(b.dir, ".assetsync"))
	if err != nil {
		b.Fatal(err)
	}
	return daemon.NewClient(path, nil)
}

// stop ends the daemon.
func (b *bench) stop() {
	if b.daemon == nil {
		return
	}
	cmd := b.daemon
	b.daemon = nil
	// The log is read to its end before Wait closes it.
	if err := errors.Join(cmd.Process.Signal(os.Interrupt), <-b.ended, cmd.Wait()); err != nil {
		b.Errorf("end %s: %v", cmd, err)
	}
}

func (b *bench) end(of **exec.Cmd) {
	cmd := *of
	if *of = nil; cmd == nil {
		return
	}
	if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
		b.Errorf("end %s: %v", cmd, err)
	}
}

// save is one measured save.
type save struct {
	target          string
	saved, recorded time.Time
}

// measure saves files, watches the idle process, and returns the cells of a
// row.
func (b *bench) measure() []string {
	b.Helper()
	var saves []save
	const warm = 3 // saves that are not counted: connections are made, pages read
	for i := range *benchSaves + warm {
		s := b.save()
		if i >= warm {
			saves = append(saves, s)
		}
		time.Sleep(time.Duration(50+b.random.IntN(100)) * time.Millisecond)
	}
	pid := b.daemon.Process.Pid
	cpu, woken := cpuTime(b.T, pid), wakeUps(b.T, pid)
	time.Sleep(*benchIdle)
	cpu, woken = cpuTime(b.T, pid)-cpu, wakeUps(b.T, pid)-woken
	rss, peak, watches := memory(b.T, pid, "VmRSS"), memory(b.T, pid, "VmHWM"), inotifyWatches(b.T, pid)
	b.stop()
	b.end(&b.emulator)
	written := b.writtenAfter(saves)
	var recorded []time.Duration
	for _, s := range saves {
		recorded = append(recorded, s.recorded.Sub(s.saved)-benchSettle)
	}
	cells := append(spread(written), spread(recorded)...)
	return append(cells, rss, peak, strconv.Itoa(watches), cpu.String(), fmt.Sprintf("%.1f", float64(woken)/benchIdle.Seconds()))
}

// save changes one file and waits until the daemon has published it.
func (b *bench) save() save {
	b.Helper()
	i := b.random.IntN(b.c.targets)
	name, text := b.file(i, b.random.IntN(b.c.files-1)), b.text()
	for len(b.lines) > 0 {
		<-b.lines
	}
	if b.c.byRename {
		b.write(name+"~", text)
		if err := os.Rename(name+"~", name); err != nil {
			b.Fatal(err)
		}
	} else {
		b.write(name, text)
	}
	s := save{target: targetName(i), saved: time.Now()}
	ctx, cancel := context.WithTimeout(b.Context(), benchPatience)
	defer cancel()
	for {
		select {
		case line := <-b.lines:
			if line.Msg == "published" && line.Target == s.target {
				s.recorded = line.at
				return s
			}
		case <-ctx.Done():
			b.Fatalf("%s was not published", name)
		}
	}
}

// writtenAfter reads from the remote's own log when the versions were made.
func (b *bench) writtenAfter(saves []save) []time.Duration {
	b.Helper()
	path := filepath.Join(b.data, "emulator.db")
	if b.c.embedded {
		path = filepath.Join(b.dir, ".assetsync", "emulator.db")
	}
	server, err := emulator.New(emulator.Options{Path: path, Clock: time.Now, NewID: newID})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	log, err := server.Log()
	if err != nil {
		b.Fatal(err)
	}
	var after []time.Duration
	for _, s := range saves {
		i := slices.IndexFunc(log, func(e emulator.LogEntry) bool { return e.At.After(s.saved) && e.Operation == "UpdateAssetFile" })
		if i < 0 {
			b.Fatalf("the remote has no write after %s", s.saved)
		}
		after = append(after, log[i].At.Sub(s.saved)-benchSettle)
	}
	return after
}

// spread returns median, 90th percentile and maximum.
func spread(of []time.Duration) []string {
	slices.Sort(of)
	return []string{millis(of[len(of)/2]), millis(of[len(of)*9/10]), millis(of[len(of)-1])}
}

// cpuTime is user and system time of a process.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The second field is a name, which may hold anything, in brackets.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * clockTick
}

// wakeUps is how often threads of a process waited and went on.
func wakeUps(t *testing.T, pid int) (n int) {
	t.Helper()
	for _, name := range procFiles(t, pid, "task/*/status") {
		n += procField(t, name, "voluntary_ctxt_switches:")
	}
	return n
}

func memory(t *testing.T, pid int, field string) string {
	t.Helper()
	return fmt.Sprintf("%d MiB", procField(t, fmt.Sprintf("/proc/%d/status", pid), field+":")>>10)
}

// inotifyWatches counts the watches of a process.
func inotifyWatches(t *testing.T, pid int) (n int) {
	t.Helper()
	for _, name := range procFiles(t, pid, "fdinfo/*") {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // closed meanwhile
		}
		n += strings.Count(string(data), "inotify wd:")
	}
	return n
}

func procFiles(t *testing.T, pid int, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/%s", pid, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing is known of process %d: %v", pid, err)
	}
	return names
}

// procField reads a number from a file of name and value.
func procField(t *testing.T, name, field string) int {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		return 0 // a thread that has ended
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
