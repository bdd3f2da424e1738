package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/internal/lazyregexp"
	assetsync "assetsync/sync"
)

// asUsage classifies the words of cobra; our own stand.
func asUsage(cmd *cobra.Command, err error) error {
	var own *assetsync.Error
	if errors.As(err, &own) {
		return err
	}
	message, hint := plainUsage(err.Error())
	if hint == "" {
		hint = "see " + cmd.CommandPath() + " --help"
	}
	return usageError(err, hint, "%s: %s", commandName(cmd), message)
}

// usageWords are messages of cobra and pflag that speak of how a program is
// written, and what to say instead. Of a message that is in no row, as after an
// update of them, the words stand.
var usageWords = []struct {
	of            func() *regexp.Regexp // one group: flags or the start of the message
	message, hint string                // $1 stands for the group
}{
	{lazyregexp.New(`^if any flags in the group .* are set none of the others can be; \[(.*)\] were all set$`), "$1 exclude each other", "give one of them"},
	{lazyregexp.New(`^at least one of the flags in the group \[(.*)\] is required$`), "one of $1 is needed", ""},
	{lazyregexp.New(`^(invalid argument .* flag): strconv\.Parse(?:Int|Uint): .* out of range$`), "$1: the number is too large", ""},
	{lazyregexp.New(`^(invalid argument .* flag): strconv\.Parse(?:Int|Uint): `), "$1: it is no whole number", ""},
	{lazyregexp.New(`^(invalid argument .* flag): strconv\.ParseBool: `), "$1: it is neither true nor false", ""},
	{lazyregexp.New(`^(invalid argument .* flag): time: `), "$1: it is no duration", "give a number with its unit, for example 30s, 5m or 1h"},
}

// plainUsage puts a message of the libraries into the words of a user; the hint
// may be empty.
func plainUsage(message string) (plain, hint string) {
	for _, w := range usageWords {
		m := w.of().FindStringSubmatch(message)
		if m == nil {
			continue
		}
		about := m[1]
		if !strings.Contains(about, " flag") { // names of flags
			names := strings.Fields(about)
			for i := range names {
				names[i] = "--" + names[i]
			}
			about = wordList(names, "and")
		}
		return strings.ReplaceAll(w.message, "$1", about), w.hint
	}
	return message, ""
}

// helpOrUnknown makes a command that only holds others show its help, or say
// which of them may have been meant.
func helpOrUnknown(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(cmd, args[0])
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// unknownCommand says that word is no command of parent, and which may have
// been meant.
func unknownCommand(parent *cobra.Command, word string) error {
	hint := parent.CommandPath() + " --help lists the commands"
	if close := parent.SuggestionsFor(word); len(close) > 0 {
		hint = "did you mean " + parent.CommandPath() + " " + wordList(close, "or") + "?"
	}
	return usageError(nil, hint, "%s is no command of %s", quoted(word), parent.CommandPath())
}

// helpOfKnown makes the help command refuse what it has no help about, instead
// of showing that of the root.
func helpOfKnown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err) // there is none: a fault of the program
	}
	help.Args = func(_ *cobra.Command, args []string) error {
		if of, rest, err := root.Find(args); err == nil && len(rest) > 0 {
			return unknownCommand(of, rest[0])
		}
		return nil
	}
}

// someArgs is for a command that takes one argument or more.
func someArgs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError(nil, "see "+cmd.CommandPath()+" --help", "%s: name %s", commandName(cmd), what)
		}
		return nil
	}
}

// noArgs is for a command that takes none.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(nil, "see "+cmd.CommandPath()+" --help", "%s: takes no argument, and was given %s", commandName(cmd), quoted(args[0]))
	}
	return nil
}

var flagInUsage = lazyregexp.New(`--([a-z-]+)`)

// flagError suggests the flag that may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown interface{ GetSpecifiedName() string } // a flag that lacks its value has this too
	if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), "unknown") || len(unknown.GetSpecifiedName()) < 2 {
		return asUsage(cmd, err)
	}
	var names []string
	for _, m := range flagInUsage().FindAllStringSubmatch(cmd.UsageString(), -1) {
		names = append(names, "--"+m[1])
	}
	hint := "see " + cmd.CommandPath() + " --help"
	if close := closest("--"+unknown.GetSpecifiedName(), names); len(close) > 0 {
		hint = "did you mean " + wordList(slices.Compact(close), "or") + "?"
	}
	return usageError(err, hint, "%s: %v", commandName(cmd), err)
}
