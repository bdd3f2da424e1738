package main

import (
	"strconv"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// sides are what --prefer takes.
var sides = []string{"local", "remote", "abort"}

func parsePrefer(s string) (diff.Prefer, error) {
	switch s {
	case "abort":
		return diff.Neither, nil
	case "local":
		return diff.Local, nil
	case "remote":
		return diff.Remote, nil
	}
	return 0, usageError(nil, "use --prefer "+wordList(sides, "or"), "--prefer %s is not known", quoted(s))
}

// consentFlags are the --allow-… flags, one for each guard.
type consentFlags struct {
	assetsync.Consent
	deletes []string
}

type flagSet interface {
	BoolVar(p *bool, name string, value bool, usage string)
	StringArrayVar(p *[]string, name string, value []string, usage string)
}

func (c *consentFlags) register(f flagSet, writes bool) {
	c.registerContent(f, writes)
	if writes {
		f.BoolVar(&c.Protected, "allow-protected", false, "write to a protected target")
		f.BoolVar(&c.Now, "now", false, "publish although git is at work, or another branch than branch: is checked out")
	}
}

// registerContent is register without the consents that are to the moment of a
// write and its place, and not to what is written.
func (c *consentFlags) registerContent(f flagSet, writes bool) {
	f.BoolVar(&c.Empty, "allow-empty", false, "go on although a side has turned up empty, gone or older")
	f.StringArrayVar(&c.deletes, "allow-deletes", nil, "allow `N` deletions, or the deletion of the main file by its path; repeatable")
	if writes {
		f.BoolVar(&c.Adopt, "adopt", false, "write to an asset that was imported or learned")
		f.BoolVar(&c.Create, "create", false, "make the asset of a protected target")
		f.BoolVar(&c.Rollback, "rollback", false, "publish an older commit although a newer one is live")
		f.StringArrayVar(&c.SecretPaths, "allow-secret", nil, "publish the file `PATH` although it looks like a credential; repeatable")
	}
}

func (c *consentFlags) consent() (assetsync.Consent, error) {
	out := c.Consent
	for _, v := range c.deletes {
		n, err := strconv.Atoi(v)
		switch {
		case err != nil:
			out.DeletePaths = append(out.DeletePaths, v)
		case n < 0:
			return out, usageError(nil, "for example --allow-deletes 12", "--allow-deletes %d is below zero", n)
		default:
			out.Deletes = n
		}
	}
	return out, nil
}
