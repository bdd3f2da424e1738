//go:build linux

package main

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

var (
	growthRun   = flag.Bool("growth.bench", false, "measure how time and memory grow, and print a table")
	growthSizes = flag.String("growth.sizes", "1,10,100,1000", "numbers of `targets`, of 100 files each")
)

// TestGrowth measures the same work at several sizes. It asserts no times: it
// prints them, with the slope from each size to the next: 1 is linear, what is
// above grows faster than the work does.
func TestGrowth(t *testing.T) {
	if !*growthRun {
		t.Skip("make bench-growth runs it")
	}
	s := newSpeed(t)
	var rows [][]string
	var last []cost
	before := 0
	for size := range strings.SplitSeq(*growthSizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			t.Fatalf("%q is not a number of targets", size)
		}
		t.Run(size, func(t *testing.T) {
			costs := s.of(t).grown(n)
			row := []string{size, strconv.Itoa(n * speedFiles)}
			for i, c := range costs {
				cell := c.String()
				if c.memory > 0 {
					cell += fmt.Sprintf(", %d MiB", c.memory>>10)
				}
				if before > 0 {
					steps := math.Log(float64(n) / float64(before))
					cell += fmt.Sprintf("; %.2f", math.Log(float64(c.cpu)/float64(max(last[i].cpu, 1)))/steps)
				}
				row = append(row, cell)
			}
			rows = append(rows, row)
			last, before = costs, n
		})
	}
	fmt.Printf("\nMedians of %d rounds: time, CPU in brackets, the most memory; then the slope of CPU.\n\n", *speedRounds)
	printTable([]string{"targets", "files", "scan, nothing known", "status, nothing changed", "push, one file changed"}, rows)
}

// grown measures a place of n targets.
func (s *speed) grown(n int) []cost {
	p := s.newPlace(n)
	p.publish()
	return s.compare(
		contender{"scan", func() cost { return p.scanAll(n) }},
		p.verb("status"),
		contender{"push", func() cost {
			p.write(p.file(p.random.IntN(n), 1+p.random.IntN(speedFiles-1)), p.text())
			c, _ := p.ours("push")
			return c
		}},
	)
}
