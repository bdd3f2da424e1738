//go:build linux

package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	speedRun    = flag.Bool("speed.bench", false, "measure assetsync beside its peers and print a table")
	speedBinary = flag.String("speed.program", "assetsync", "the `program` to measure")
	speedRounds = flag.Int("speed.rounds", 7, "do everything so many `times`")
	speedCases  = flag.String("speed.cases", "team,fleet,beside", "the `cases` to measure")
	speedTeam   = flag.Int("speed.team", 200, "`targets` of the case team, of 100 files each")
	speedFleet  = flag.Int("speed.fleet", 1000, "`targets` of the case fleet")
	speedBeside = flag.Int("speed.beside", 100_000, "ignored `files` of the case beside")
)

const (
	// speedFiles is how many files a target has: what the service takes in a
	// skill.
	speedFiles = 100

	// speedTrip is the round trip of the rows that name one.
	speedTrip = 50 * time.Millisecond

	// speedAllowed is how many calls a second the row of a first push may make.
	speedAllowed = 20
)

// TestSpeed measures the program beside the peers that it finds, on the same
// work in turn. It asserts no times: it prints them.
func TestSpeed(t *testing.T) {
	if !*speedRun {
		t.Skip("make bench runs it")
	}
	s := newSpeed(t)
	for _, c := range []struct {
		name string
		run  func(*speed)
	}{
		{"team", (*speed).team},
		{"fleet", (*speed).fleet},
		{"beside", (*speed).beside},
	} {
		if slices.Contains(strings.Split(*speedCases, ","), c.name) {
			t.Run(c.name, func(t *testing.T) { c.run(s.of(t)) })
		}
	}
	t.Run("alone", func(t *testing.T) { s.of(t).alone() })
	fmt.Printf("\nMedians of %d rounds, CPU (user and system, children included) in brackets. Peers found: %s.\n", *speedRounds, strings.Join(s.found(), ", "))
	fmt.Printf("team: %d targets, fleet: %d, of %d files each; beside: 50 files, and %d ignored ones.\n\n", *speedTeam, *speedFleet, speedFiles, *speedBeside)
	printTable([]string{"work", "assetsync", "best peer", "ratio", "goal", "met"}, *s.rows)
}

// speed is a run of make bench, in one test of it.
type speed struct {
	*testing.T
	env   []string
	peers map[string]string // name -> path of the program
	rows  *[][]string
}

func newSpeed(t *testing.T) *speed {
	t.Helper()
	home := t.TempDir()
	return &speed{T: t, rows: new([][]string), peers: findPeers(), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "AWS_EC2_METADATA_DISABLED=true",
		"TMPDIR=" + os.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		// After a commit of many files, git packs them behind the back of what is measured.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=gc.auto", "GIT_CONFIG_VALUE_0=0",
	}}
}

// of is s in a test of its own.
func (s *speed) of(t *testing.T) *speed {
	one := *s
	one.T = t
	return &one
}

// place is a directory of targets with their remote.
type place struct {
	*speed
	dir    string
	random *rand.Rand
	remote *speedRemote
}

// newPlace makes targets of speedFiles files in two directories each, the same
// ones every time, in a git repository.
func (s *speed) newPlace(targets int) *place {
	s.Helper()
	p := &place{speed: s, dir: filepath.Join(s.TempDir(), "work"), random: rand.New(rand.NewPCG(1, 1))}
	for i := range targets {
		p.write(p.file(i, 0), fmt.Sprintf("---\nname: %s\ndescription: %s\n---\n\n%s", targetName(i), strings.Repeat("What it does. ", 10), p.text()))
		for j := 1; j < speedFiles; j++ {
			p.write(p.file(i, j), p.text())
		}
	}
	p.remote = s.newRemote()
	p.config(p.remote.url, benchRate)
	p.must("git", "init", "-q", "-b", "main", ".")
	return p
}

// config writes the config.
func (p *place) config(endpoint string, rate int) {
	p.write("assetsync.yaml", fmt.Sprintf("region: eu-west-1\nagent_space: sp-bench\nendpoint: %s\nrate: {requests_per_second: %d, burst: %d}\n"+
		"targets:\n  - path: skills/*\n    type: skill\n    metadata: {agent_types: [GENERIC]}\n", endpoint, rate, rate))
}

// commit puts all that there is into git.
func (p *place) commit() {
	p.must("git", "add", "-A", ".")
	p.must("git", "commit", "-q", "-m", "All of it")
	p.must("git", "status", "--porcelain")
}

// file names file j of target i; 0 is the main file.
func (p *place) file(i, j int) string {
	dir := filepath.Join("skills", targetName(i))
	if j == 0 {
		return filepath.Join(dir, "SKILL.md")
	}
	return filepath.Join(dir, "references", fmt.Sprintf("file-%02d.md", j))
}

// text is 1 KB that no other file holds.
func (p *place) text() string {
	var text strings.Builder
	for text.Len() < 1000 {
		fmt.Fprintf(&text, "line %x of a reference\n", p.random.Uint64())
	}
	return text.String()
}

func (p *place) write(name, text string) {
	p.Helper()
	name = filepath.Join(p.dir, name)
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, []byte(text), 0o644)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// age lets time pass until no file is so young that it has to be read again.
func (p *place) age() { time.Sleep(2500 * time.Millisecond) }
