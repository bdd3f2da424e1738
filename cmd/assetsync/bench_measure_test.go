//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cost is what one run of something took. CPU is user and system time of the
// process with its children.
type cost struct {
	wall, cpu time.Duration
	memory    int // the most that it had in memory, in KiB
}

func (c cost) String() string {
	if c.cpu == 0 {
		return millis(c.wall)
	}
	return fmt.Sprintf("%s (%s)", millis(c.wall), millis(c.cpu))
}

// contender is one way to do some work.
type contender struct {
	name string
	run  func() cost
}

// findPeers looks for the programs to compare with.
func findPeers() map[string]string {
	found := map[string]string{}
	for _, name := range []string{"git", "rsync", "rclone", "mutagen", "aws", "sha256sum"} {
		if path, err := exec.LookPath(name); err == nil {
			found[name] = path
		}
	}
	return found
}

func (s *speed) found() []string {
	return slices.Sorted(maps.Keys(s.peers))
}

// peer is the program of a peer at work in dir, if it was found.
func (s *speed) peer(dir, name string, args ...string) []contender {
	if s.peers[name] == "" {
		return nil
	}
	return []contender{{name, func() cost { c, _ := s.timed(dir, name, args...); return c }}}
}

// timed runs a program, whose exit code must be 0, and returns its cost and
// output.
func (s *speed) timed(dir, name string, args ...string) (cost, []byte) {
	s.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, s.env, &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		s.Fatalf("%s: %v\n%s%s", cmd, err, stdout.Bytes(), stderr.Bytes())
	}
	state := cmd.ProcessState
	return cost{took, state.UserTime() + state.SystemTime(), int(state.SysUsage().(*syscall.Rusage).Maxrss)}, stdout.Bytes()
}

// ours runs the program.
func (p *place) ours(args ...string) (cost, []byte) {
	p.Helper()
	return p.timed(p.dir, *speedBinary, args...)
}

// verb is the program at work.
func (p *place) verb(args ...string) contender {
	return contender{"assetsync", func() cost { c, _ := p.ours(args...); return c }}
}

func (p *place) must(name string, args ...string) {
	p.Helper()
	p.timed(p.dir, name, args...)
}

// compare lets contenders do the work in turn, once that is not counted and
// then for as many rounds as are wanted, and returns the median of each.
func (s *speed) compare(all ...contender) []cost {
	s.Helper()
	costs := make([][]cost, len(all))
	for round := range *speedRounds + 1 {
		for i, c := range all {
			if took := c.run(); round > 0 {
				costs[i] = append(costs[i], took)
			}
		}
	}
	medians := make([]cost, len(all))
	for i, list := range costs {
		medians[i] = median(list)
	}
	return medians
}

func median(list []cost) cost {
	middle := func(of func(cost) int) int {
		var numbers []int
		for _, c := range list {
			numbers = append(numbers, of(c))
		}
		slices.Sort(numbers)
		return numbers[len(numbers)/2]
	}
	return cost{
		wall:   time.Duration(middle(func(c cost) int { return int(c.wall) })),
		cpu:    time.Duration(middle(func(c cost) int { return int(c.cpu) })),
		memory: middle(func(c cost) int { return c.memory }),
	}
}

// race measures ours beside peers and adds a row. The goal is met when ours
// takes at most a share of the best peer's time.
func (s *speed) race(work, goal string, share float64, ours contender, peers ...contender) cost {
	s.Helper()
	medians := s.compare(append([]contender{ours}, peers...)...)
	if len(peers) == 0 {
		s.row(work, medians[0].String(), "none found", "", goal, "?")
		return medians[0]
	}
	best := 1
	for i := range medians[1:] {
		if medians[i+1].wall < medians[best].wall {
			best = i + 1
		}
	}
	for i, c := range peers {
		s.Logf("%s: %s %s", work, c.name, medians[i+1])
	}
	ratio := float64(medians[0].wall) / float64(medians[best].wall)
	s.row(work, medians[0].String(), peers[best-1].name+" "+medians[best].String(), fmt.Sprintf("%.2f", ratio), goal, isMet(ratio <= share))
	return medians[0]
}

// within measures ours beside peers and adds a row. The goal is met when ours
// takes at most a time.
func (s *speed) within(work, goal string, most time.Duration, ours contender, peers ...contender) cost {
	s.Helper()
	medians := s.compare(append([]contender{ours}, peers...)...)
	peer, ratio := "-", ""
	for i, c := range peers {
		if i == 0 || medians[i+1].wall < medians[1].wall {
			peer, ratio = c.name+" "+medians[i+1].String(), fmt.Sprintf("%.2f", float64(medians[0].wall)/float64(medians[i+1].wall))
		}
	}
	s.row(work, medians[0].String(), peer, ratio, goal, isMet(medians[0].wall <= most))
	return medians[0]
}

func (s *speed) row(cells ...string) {
	s.Log(strings.Join(cells, " | "))
	*s.rows = append(*s.rows, cells)
}

func isMet(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// callsOf counts the calls in the output of a verb with --json.
func (s *speed) callsOf(output []byte) map[string]int {
	s.Helper()
	var e struct {
		Targets []struct{ Calls map[string]int }
	}
	if err := json.Unmarshal(output, &e); err != nil {
		s.Fatal(err)
	}
	calls := map[string]int{}
	for _, t := range e.Targets {
		for op, n := range t.Calls {
			calls[op] += n
		}
	}
	return calls
}

func total(calls map[string]int) (n int) {
	for _, count := range calls {
		n += count
	}
	return n
}

// speedRemote is an emulator at an address of its own, which it keeps when it
// is started again with another round trip.
type speedRemote struct {
	*speed
	url, data string
	cmd       *exec.Cmd
	far       *farServer // before it, while each of its answers waits; or nil
}

// newRemote starts an emulator that takes as many skills as the cases have.
func (s *speed) newRemote() *speedRemote {
	s.Helper()
	r := &speedRemote{speed: s, url: "http://" + s.freeAddress(), data: filepath.Join(s.TempDir(), "data")}
	s.Cleanup(r.stop)
	r.start(0)
	return r
}

// freeAddress is one of the loopback at which nobody listens.
func (s *speed) freeAddress() string {
	s.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = free.Close()
	}
	if err != nil {
		s.Fatal(err)
	}
	return free.Addr().String()
}

// start starts it, also anew. Each answer waits for a round trip.
func (r *speedRemote) start(trip time.Duration) {
	r.Helper()
	r.stop()
	addr := strings.TrimPrefix(r.url, "http://")
	if trip > 0 {
		behind := r.freeAddress()
		var err error
		if r.far, err = newFarServer(addr, behind, trip); err != nil {
			r.Fatal(err)
		}
		addr = behind
	}
	args := []string{"emulator", "--addr", addr, "--data", r.data, "--quota", "10000"}
	cmd := exec.Command(*speedBinary, args...)
	cmd.Env, cmd.Stderr = r.env, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.Fatal(err)
	}
	r.cmd = cmd
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "listening on ") {
		r.Fatalf("the emulator says %q: %v", line, err)
	}
}

func (r *speedRemote) stop() {
	if r.far != nil {
		if err := r.far.close(); err != nil {
			r.Errorf("close the server that is far away: %v", err)
		}
		r.far = nil
	}
	cmd := r.cmd
	if r.cmd = nil; cmd == nil {
		return
	}
	if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
		r.Errorf("end %s: %v", cmd, err)
	}
}
