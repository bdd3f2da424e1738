package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assetsync/remote/probe"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// probeReport is a probe in the envelope.
type probeReport struct {
	At         *time.Time          `json:"at,omitempty"` // none: it did not come to its end, and nothing is kept
	AgentSpace string              `json:"agent_space"`
	Answers    []state.ProbeAnswer `json:"answers"`
	Flags      []string            `json:"flags"`               // of an emulator that behaves so, "name=reading"
	Forgotten  []string            `json:"forgotten,omitempty"` // quirks of which something else was seen since
	Checked    int                 `json:"checked,omitempty"`   // checks of what is stated
	Differs    []probe.Differs     `json:"differs,omitempty"`   // of these
	Left       []leftAsset         `json:"left,omitempty"`
	Earlier    []leftAsset         `json:"earlier,omitempty"`
	Unclear    []string            `json:"unclear,omitempty"`
}

// leftAsset is a scratch asset that is there, and how it is deleted.
type leftAsset struct {
	AssetID string `json:"asset_id"`
	Command string `json:"command"`
}

// reportProbe prints a probe, which has come to cause, and returns the error
// that it ends with.
func (s *session) reportProbe(report probe.Report, e state.Endpoint, cause error) error {
	out := probeReport{
		AgentSpace: e.Probe.AgentSpace, Answers: e.Probe.Answers, Flags: quirkFlags(e.Probe), Forgotten: e.Forgotten(),
		Checked: report.Checked, Differs: report.Differs, Unclear: report.Unclear,
		Left: s.leftAssets(report.Left), Earlier: s.leftAssets(report.Earlier),
	}
	if report.Complete {
		out.At = &e.Probe.At
	}
	err := s.probeError(cause, out)
	if s.jsonOut {
		envelope := envelope{Env: s.env.Name, Probe: &out}
		if err != nil {
			envelope.Error = assetsync.AsError(err)
			s.setExit(exitCode(envelope.Error.Kind))
		}
		return errors.Join(s.writeEnvelope(envelope), err)
	}
	if report.Complete {
		if printErr := s.printProbe(out); printErr != nil {
			return errors.Join(printErr, err)
		}
	}
	s.sayLeft(out)
	return err
}

// probeError says what the end of a probe means.
func (s *session) probeError(cause error, out probeReport) error {
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, probe.ErrLeft):
		e := assetsync.AsError(cause)
		return &assetsync.Error{Kind: e.Kind, Err: cause, Message: cause.Error(), RequestID: e.RequestID, Hint: "the answers are kept; delete what is left as is said above"}
	}
	e := assetsync.AsError(cause)
	hint := "no answer is kept, and what was made is deleted"
	if out.At != nil {
		hint = "the answers are kept; only the checks of what is stated were cut short"
	}
	if len(out.Left)+len(out.Unclear) > 0 {
		hint = strings.TrimSuffix(hint, ", and what was made is deleted") + "; delete what is left as is said above"
	}
	if e.Kind == assetsync.KindAuth {
		hint = strings.ReplaceAll(e.Hint, "assetsync asset policy", "assetsync asset policy --for probe") + "; " + hint
	}
	return &assetsync.Error{Kind: e.Kind, Err: cause, Message: e.Message, RequestID: e.RequestID, Hint: hint}
}

// quirkFlags are the answers as the emulator takes them.
func quirkFlags(p *state.Probe) []string {
	flags := []string{}
	for _, a := range p.Answers {
		if a.Quirk != "" && a.Reading != "" {
			flags = append(flags, a.Quirk+"="+a.Reading)
		}
	}
	slices.Sort(flags)
	return flags
}

// printProbe prints the table of the answers, and the emulator that behaves so.
func (s *session) printProbe(out probeReport) error {
	rows := [][]string{{"ITEM", "QUESTION", "ANSWER", "BY"}}
	for _, a := range out.Answers {
		text := a.Text
		if a.Quirk != "" && a.Reading != "" {
			text = a.Quirk + "=" + a.Reading + ": " + text
		}
		if slices.Contains(out.Forgotten, a.Quirk) {
			text += " (forgotten: something else was seen since)"
		}
		rows = append(rows, []string{fmt.Sprint(a.Item), a.Question, text, strings.Join(a.Calls, " ")})
	}
	if err := s.table(rows); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\nassetsync emulator")
	for _, f := range out.Flags {
		b.WriteString(" --quirk " + f)
	}
	fmt.Fprintf(&b, "\n\nprobed %s in agent space %s\n", localTime(out.At), out.AgentSpace)
	if out.Checked > 0 {
		fmt.Fprintf(&b, "%d of %s of what is stated passed\n", out.Checked-len(out.Differs), count(out.Checked, "check"))
	}
	for _, d := range out.Differs {
		fmt.Fprintf(&b, "  %s: %s\n    stated: %s\n", d.Check, oneLine(d.Found), d.Says)
	}
	_, err := fmt.Fprint(s.stdout, b.String())
	return err
}

// sayLeft names what is there of scratch assets.
func (s *session) sayLeft(out probeReport) {
	for _, l := range out.Left {
		s.say("scratch asset %s could not be deleted: %s", l.AssetID, l.Command)
	}
	for _, text := range out.Unclear {
		s.say("%s; assetsync asset list shows it", text)
	}
	for _, l := range out.Earlier {
		s.say("note: asset %s is of another probe, at work or killed; if it is not at work: %s", l.AssetID, l.Command)
	}
}

// leftAssets names the commands that delete assets. Ours delete nothing in a
// protected environment.
func (s *session) leftAssets(ids []string) (list []leftAsset) {
	for _, id := range ids {
		command := fmt.Sprintf("assetsync asset delete %s --confirm %s", id, id)
		if s.env.Name != "" {
			command += " --env " + s.env.Name
		}
		if s.env.Protected {
			command = fmt.Sprintf("aws devops-agent delete-asset --agent-space-id %s --asset-id %s", s.env.AgentSpace, id)
		}
		list = append(list, leftAsset{id, command})
	}
	return list
}
