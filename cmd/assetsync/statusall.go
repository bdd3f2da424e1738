package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	assetsync "assetsync/sync"
)

// allEnvironments as --env of a status is every environment, unless one has
// this name.
const allEnvironments = "all"

// column is what a status of one environment found, or why it found nothing.
type column struct {
	env   string
	found []statusTarget
	err   error
}

// statusAll looks at all environments, one after the other. One that fails is
// shown as such, and keeps nothing from the others.
func (a *app) statusAll(ctx context.Context, config *Config, args []string, exitCode bool) error {
	var columns []column
	var rows []string
	for _, name := range config.EnvironmentNames() {
		one := *a
		one.envName = name
		c := column{env: name}
		// Who looks at several environments must not take one for another.
		look, err := one.statusOf(ctx, config, sessionOptions{args: args, ownAccount: true})
		if c.err = err; look != nil {
			c.found = look.found
		}
		for _, t := range c.found {
			if !slices.Contains(rows, t.Target) {
				rows = append(rows, t.Target)
			}
		}
		columns = append(columns, c)
	}
	if len(rows) == 0 {
		return columns[0].err
	}
	var all []statusTarget
	for i := range columns {
		columns[i].fill(rows)
		all = append(all, columns[i].found...)
	}
	defer a.noteHook(a.stateHome(config), "", all)
	return a.showAll(rows, columns, all, exitCode)
}

// fill makes the column one of these targets. Those of an environment that
// failed have its error.
func (c *column) fill(rows []string) {
	found := c.found
	c.found = nil
	for _, name := range rows {
		i := slices.IndexFunc(found, func(t statusTarget) bool { return t.Target == name })
		switch {
		case i >= 0:
			c.found = append(c.found, found[i])
		case c.err != nil:
			c.found = append(c.found, statusTarget{Result: assetsync.Failure(name, c.err)})
		}
	}
	for i := range c.found {
		c.found[i].Env = c.env
	}
}

func (a *app) showAll(rows []string, columns []column, all []statusTarget, exitCode bool) error {
	a.setCode(resultsOf(all), exitCode)
	for _, c := range columns {
		named := resultsOf(c.found)
		for i := range named {
			named[i].Target = c.env + ": " + named[i].Target
		}
		a.explain(named)
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Env: allEnvironments, Targets: all})
	}
	header := []string{"TARGET"}
	for _, c := range columns {
		header = append(header, c.env)
	}
	table := [][]string{append(header, "LIVE")}
	for _, name := range rows {
		row := []string{name}
		var here []statusTarget
		for _, c := range columns {
			i := slices.IndexFunc(c.found, func(t statusTarget) bool { return t.Target == name })
			if i < 0 {
				row = append(row, "")
				continue
			}
			here = append(here, c.found[i])
			row = append(row, cell(c.found[i]))
		}
		table = append(table, append(row, sameLive(here)))
	}
	return a.table(table)
}

// cell says in a few words how a target stands in an environment.
func cell(t statusTarget) string {
	var parts []string
	switch {
	case t.Version > 0 && t.Live != nil && t.Live.Commit != "":
		parts = append(parts, fmt.Sprintf("v%d %.7s", t.Version, t.Live.Commit))
	case t.Version > 0:
		parts = append(parts, fmt.Sprintf("v%d -", t.Version))
	case t.Error == nil && t.AssetID == "":
		parts = append(parts, "no asset")
	}
	push, pull := len(t.Changes), len(t.Pending)
	for _, c := range t.MetadataChanges {
		switch c.Action {
		case "publish":
			push++
		case "pending":
			pull++
		}
	}
	if push > 0 {
		parts = append(parts, fmt.Sprintf("+%d", push))
	}
	if pull > 0 {
		parts = append(parts, fmt.Sprintf("-%d", pull))
	}
	switch {
	case t.Outcome == assetsync.Conflict, t.Outcome == assetsync.Blocked:
		parts = append(parts, string(t.Outcome))
	case t.Error != nil:
		parts = append(parts, "error")
	}
	return strings.Join(parts, " ")
}

// sameLive says whether the same is live in all environments that are known:
// the same content, or what came from one commit, of which the services may have
// made something else.
func sameLive(found []statusTarget) string {
	var trees, commits []string
	for _, t := range found {
		if t.Error != nil && t.LiveTree == "" {
			continue
		}
		trees, commits = append(trees, t.LiveTree), append(commits, "")
		if t.Live != nil {
			commits[len(commits)-1] = t.Live.Commit
		}
	}
	switch {
	case len(trees) < 2:
		return ""
	case allEqual(trees), commits[0] != "" && allEqual(commits):
		return "equal"
	}
	return "differ"
}

func allEqual(list []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return s != list[0] })
}
