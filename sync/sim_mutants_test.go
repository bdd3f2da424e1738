package sync_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var simMutants = flag.Bool("mutants", false, "build the engine broken in each way of testdata/mutants, and want the simulation to find it")

// mutantSeeds is within how many stories each has to be found.
const mutantSeeds = "500"

// TestSimMutants breaks the engine on purpose. Without -mutants it only wants
// each patch to still fit.
func TestSimMutants(t *testing.T) {
	names, err := filepath.Glob("testdata/mutants/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mutants: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			overlay, test := mutate(t, name)
			if *simMutants {
				findMutant(t, overlay, test)
			}
		})
	}
}

// mutate applies a mutant and returns the overlay for the Go command, and which test
// has to find it; "" is the simulation. A mutant is an archive of pairs: the text that
// a file holds just once, and what it becomes; a line before them may name the test.
func mutate(t *testing.T, name string) (overlay, test string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace, sources := map[string]string{}, map[string]string{}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		is, becomes := archive.Files[i], archive.Files[i+1]
		file, ok := strings.CutSuffix(is.Name, ": is")
		if !ok || becomes.Name != file+": becomes" {
			t.Fatalf("%s: want FILE: is and FILE: becomes, have %q and %q", name, is.Name, becomes.Name)
		}
		full, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if sources[full] == "" {
			sources[full] = readName(full)
		}
		old, now := strings.TrimSuffix(string(is.Data), "\n"), strings.TrimSuffix(string(becomes.Data), "\n")
		if n := strings.Count(sources[full], old); n != 1 {
			t.Fatalf("%s: %s holds it %d times, want once:\n%s", name, file, n, old)
		}
		sources[full] = strings.Replace(sources[full], old, now, 1)
		replace[full] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		must(os.WriteFile(replace[full], []byte(sources[full]), 0o644))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	must(os.WriteFile(overlay, text, 0o644))
	if found := foundBy.FindSubmatch(archive.Comment); found != nil {
		test = string(found[1])
	}
	return overlay, test
}

var foundBy = regexp.MustCompile(`(?m)^Found by (Test\w+)\.$`)

var foundSeed = regexp.MustCompile(`(?m)^seed (\d+): (.*)$`)

// findMutant runs a test of the broken engine, or simulates with it.
func findMutant(t *testing.T, overlay, test string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "broken.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if test != "" {
		out, err := exec.Command(program, "-test.run", "^"+test+"$").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--- FAIL: "+test) {
			t.Fatalf("survived %s: %v\n%s", test, err, out)
		}
		t.Logf("%s found it", test)
		return
	}
	began := time.Now()
	out, err := exec.Command(program, "-test.run", "^TestSim$", "-seeds", mutantSeeds, "-once", "-shrink=false").CombinedOutput()
	found := foundSeed.FindSubmatch(out)
	if err == nil || found == nil {
		t.Fatalf("survived %s seeds: %v\n%s", mutantSeeds, err, out)
	}
	t.Logf("seed %s found it in %v: %s", found[1], time.Since(began).Round(time.Second), found[2])
}
