//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"assetsync/manifest"
)

// team measures the verbs of every day in a repository of some size.
func (s *speed) team() {
	p := s.newPlace(*speedTeam)
	first := p.firstPush()
	p.publish()
	status := p.statusRow("team")
	push := p.compare(p.verb("push"))[0]
	p.row("push, nothing changed, team", push.String(), "-", "", "-", "")
	p.changeOne(status)
	p.remote.start(speedTrip)
	p.noopCalls()
	p.changeMany()
	p.row(first...)
	p.daemonRows("team", *speedTeam)
}

// fleet measures what grows with the number of targets.
func (s *speed) fleet() {
	p := s.newPlace(*speedFleet)
	p.publish()
	p.statusRow("fleet")
	p.firstScan()
	p.daemonRows("fleet", *speedFleet)
}

// publish brings all to the remote, lets the program find out how the remote
// works, and commits all to git.
func (p *place) publish() {
	p.ours("push")
	p.ours("probe", "--yes")
	p.ours("push") // which looks at all once more, and keeps that it has
	p.commit()
	p.age()
	p.ours("status") // what it keeps of files that are old enough is kept now
}

// copied is a copy of the targets, for programs that compare two directories.
func (p *place) copied() string {
	p.Helper()
	to := filepath.Join(p.TempDir(), "copy")
	p.must("cp", "-a", "skills", to)
	return to
}

func (p *place) statusRow(name string) cost {
	to := p.copied()
	var peers []contender
	peers = append(peers, p.peer(p.dir, "git", "status", "--porcelain")...)
	peers = append(peers, p.peer(p.dir, "rsync", "-an", "--delete", "skills/", to+"/")...)
	peers = append(peers, p.peer(p.dir, "rclone", "sync", "--dry-run", "skills", to)...)
	return p.race("status, nothing changed, "+name, "not slower than git status", 1, p.verb("status"), peers...)
}

// changeOne measures the push of one file beside a status.
func (p *place) changeOne(status cost) {
	push := p.within("push, one file changed, team", fmt.Sprintf("status + 15 ms: %s", millis(status.wall+15*time.Millisecond)), status.wall+15*time.Millisecond,
		contender{"assetsync", func() cost {
			p.write(p.file(p.random.IntN(*speedTeam), 1+p.random.IntN(speedFiles-1)), p.text())
			c, _ := p.ours("push")
			return c
		}})
	p.Logf("a push of one file takes %s more than a status", millis(push.wall-status.wall))
}

// noopCalls counts what a push without changes asks for.
func (p *place) noopCalls() {
	var calls, depth int
	c := p.compare(contender{"assetsync", func() cost {
		p.remote.far.depth()
		c, out := p.ours("push", "--json")
		calls, depth = total(p.callsOf(out)), max(depth, p.remote.far.depth())
		return c
	}})[0]
	p.row("push, nothing changed, team, round trip 50 ms", fmt.Sprintf("%d calls, %d round trips, %s", calls, depth, c), "-", "",
		"at most 4 calls, under 4 round trips", isMet(calls <= 4 && depth < 4))
}

// changeMany measures a push of 60 files of one target.
func (p *place) changeMany() {
	const many = 60
	var writes, depth int
	c := p.compare(contender{"assetsync", func() cost {
		for j := range many {
			p.write(p.file(0, 1+j), p.text())
		}
		p.remote.far.depth()
		c, out := p.ours("push", "--json", filepath.Join("skills", targetName(0)))
		writes, depth = 0, max(depth, p.remote.far.depth())
		for op, n := range p.callsOf(out) {
			if strings.HasPrefix(op, "Update") || strings.HasPrefix(op, "Create") || strings.HasPrefix(op, "Delete") {
				writes += n
			}
		}
		return c
	}})[0]
	p.row("push, 60 files of one asset changed, round trip 50 ms", fmt.Sprintf("%d write, %d round trips, %s", writes, depth, c), "a loop of calls: 60", "",
		"1 write, at most 5 round trips", isMet(writes == 1 && depth <= 5))
}

// firstPush measures the first push of all, to a remote that is far away and
// allows few calls, once. It returns its row.
func (p *place) firstPush() []string {
	far := p.newRemote()
	far.start(speedTrip)
	p.config(far.url, speedAllowed)
	c, out := p.ours("--state", filepath.Join(p.TempDir(), "state"), "push", "--json")
	p.config(p.remote.url, benchRate)
	calls := total(p.callsOf(out))
	alone := time.Duration(calls-speedAllowed) * time.Second / speedAllowed // as many go out at once
	ratio := float64(c.wall) / float64(alone)
	return []string{"first push, team, round trip 50 ms, 20 calls/s", fmt.Sprintf("%s, %d calls", seconds(c.wall), calls), "the rate alone: " + seconds(alone),
		fmt.Sprintf("%.2f", ratio), "within 1.15", isMet(ratio <= 1.15)}
}

// firstScan measures the scan of all targets with nothing known of them, beside
// two processes that hash the same files.
func (p *place) firstScan() {
	script := `find skills -type f -print0 | xargs -0 -n 1000 -P 2 sha256sum >/dev/null`
	p.race("first scan, nothing cached, fleet", "0.6 of sha256sum, 2 processes", 0.6, contender{"assetsync", func() cost { return p.scanAll(*speedFleet) }},
		contender{"sha256sum", func() cost { c, _ := p.timed(p.dir, "sh", "-c", script); return c }})
}

// scanAll scans n targets in this process, as many at once as the program
// does.
func (p *place) scanAll(n int) cost {
	p.Helper()
	before, began := ownCPU(), time.Now()
	targets := make(chan string)
	errs := make(chan error, parallelTargets)
	var workers sync.WaitGroup
	for range parallelTargets {
		workers.Go(func() {
			for dir := range targets {
				if err := scanTarget(p.Context(), dir); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case targets <- filepath.Join(p.dir, "skills", targetName(i)):
		case err = <-errs:
		}
	}
	close(targets)
	workers.Wait()
	if err != nil {
		p.Fatal(err)
	}
	return cost{wall: time.Since(began), cpu: ownCPU() - before}
}

func scanTarget(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	snap, err := manifest.Scan(ctx, root, manifest.ScanOptions{})
	if err == nil && snap.Tree.Len() != speedFiles {
		err = fmt.Errorf("scan %s: %d files", dir, snap.Tree.Len())
	}
	return errors.Join(err, root.Close())
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// beside measures one target among many files that are not published.
func (s *speed) beside() {
	p := s.newPlace(0)
	for j := range 50 {
		p.write(p.file(0, j), "---\nname: skill-000\ndescription: What it does.\n---\n"+p.text())
	}
	p.write(".gitignore", "node_modules/\nbuild/\n")
	for i := range *speedBeside {
		dir := "node_modules"
		if i%2 == 0 {
			dir = filepath.Join("skills", targetName(0), "build")
		}
		p.write(filepath.Join(dir, fmt.Sprint("part-", i/1000), fmt.Sprint("file-", i)), "x\n")
	}
	p.publish()
	p.within("status, nothing changed, beside", "under 10 ms", 10*time.Millisecond, p.verb("status"), p.peer(p.dir, "git", "status", "--porcelain")...)
}

// daemonRows measures the daemon over as many targets: its answers, what it
// adds to a save, memory and CPU.
func (s *speed) daemonRows(name string, targets int) {
	*benchProgram = *speedBinary
	b := newBench(s.T, benchCase{targets: targets, files: speedFiles, rate: benchRate, quota: max(targets, 200)})
	for _, args := range [][]string{{"init", "-q", "-b", "main", "."}, {"add", "-A", "."}, {"commit", "-q", "-m", "All of it"}} {
		s.timed(b.dir, "git", args...) // a status says which commit is live, as in the rows without the daemon
	}
	b.start()
	s.within("status, daemon, "+name, "under 20 ms", 20*time.Millisecond, contender{"assetsync", func() cost {
		one := *s
		one.env = b.env
		c, _ := one.timed(b.dir, *speedBinary, "status")
		return c
	}})
	cells := b.measure()
	written, err := time.ParseDuration(strings.ReplaceAll(cells[0], " ", ""))
	if err != nil {
		s.Fatal(err)
	}
	s.row("save to version, daemon, "+name, cells[0]+" beyond settle", "-", "", "settle + 5 ms", isMet(written <= 5*time.Millisecond))
	rss, err := strconv.Atoi(strings.TrimSuffix(cells[6], " MiB"))
	if err != nil {
		s.Fatal(err)
	}
	s.row("memory, daemon, "+name, fmt.Sprintf("%s (peak %s)", cells[6], cells[7]), "-", "", "under 60 MB", isMet(rss < 57)) // 60 MB are 57 MiB
	s.row(fmt.Sprintf("CPU in %s idle, daemon, %s", benchIdle, name), cells[9], "-", "", "0", isMet(cells[9] == "0s"))
}

// alone measures what needs no targets: the program itself, and zips.
func (s *speed) alone() {
	size := func(path string) float64 {
		path, err := exec.LookPath(path)
		if err != nil {
			s.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			s.Fatal(err)
		}
		return float64(info.Size()) / 1e6
	}
	ours := size(*speedBinary)
	s.row("binary, stripped", fmt.Sprintf("%.1f MB", ours), "-", "", "under 25 MB", isMet(ours < 25))
	for _, verb := range []string{"version", "push --help"} {
		start := contender{"assetsync", func() cost { c, _ := s.timed("", *speedBinary, strings.Fields(verb)...); return c }}
		var peers []contender
		peers = append(peers, s.peer("", "git", "--version")...)
		peers = append(peers, s.peer("", "rclone", "version")...)
		peers = append(peers, s.peer("", "aws", "--version")...)
		s.within("start of "+verb, "10 ms", 10*time.Millisecond, start, peers...)
	}
	s.zips()
}

// zips measures the packing of a bundle of 6 MB.
func (s *speed) zips() {
	bundle := s.largeBundle()
	var ours, standard bytes.Buffer
	pack := func(name string, out *bytes.Buffer, write func(io.Writer) error) contender {
		return contender{name, func() cost {
			out.Reset()
			before, began := ownCPU(), time.Now()
			if err := write(out); err != nil {
				s.Fatal(err)
			}
			return cost{wall: time.Since(began), cpu: ownCPU() - before}
		}}
	}
	s.race("zip of 6 MB", "0.5 of archive/zip, not larger", 0.5,
		pack("assetsync", &ours, func(w io.Writer) error { return manifest.WriteZip(w, bundle) }),
		pack("archive/zip", &standard, func(w io.Writer) error {
			zw := zip.NewWriter(w)
			for e := range bundle.Tree().All() {
				f, err := zw.Create(string(e.Path))
				if err != nil {
					return err
				}
				data, _ := bundle.Content(e.Path)
				if _, err := f.Write(data); err != nil {
					return err
				}
			}
			return zw.Close()
		}))
	s.row("size of that zip", fmt.Sprintf("%d bytes", ours.Len()), fmt.Sprintf("archive/zip %d bytes", standard.Len()),
		fmt.Sprintf("%.3f", float64(ours.Len())/float64(standard.Len())), "not larger", isMet(ours.Len() <= standard.Len()))
}

// largeBundle is 6 MB of text in 100 files: words as unevenly used as those of a
// language.
func (s *speed) largeBundle() manifest.Bundle {
	s.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	words := make([]string, 4000)
	for i := range words {
		word := make([]byte, 2+random.IntN(9))
		for j := range word {
			word[j] = "eeeettaaooiinnsshhrrdlcumwfgypbvkjxqz"[random.IntN(37)]
		}
		words[i] = string(word)
	}
	pick := rand.NewZipf(random, 1.2, 3, uint64(len(words)-1))
	files := map[manifest.Path][]byte{}
	for i := range speedFiles {
		var text []byte
		for len(text) < 6_000_000/speedFiles {
			text = append(append(text, words[pick.Uint64()]...), "\n      "[random.IntN(7)])
		}
		files[manifest.Path(fmt.Sprintf("references/%02d.md", i))] = text
	}
	bundle, err := manifest.NewBundle(files)
	if err != nil {
		s.Fatal(err)
	}
	return bundle
}
