package main

import (
	"strings"

	"assetsync/sync/daemon/notice"
)

// NotifySettings say who is told when a target starts to fail, recovers or
// conflicts.
type NotifySettings struct {
	Command []string
	Webhook *notice.Webhook // nil: none
}

// Notify returns who is told, nil where nobody is. getenv looks up the
// variables that the webhook names. Errors are usage errors, which never show
// the URL.
func (c *Config) Notify(getenv func(string) (string, bool)) (*NotifySettings, error) {
	n := c.Notifying
	if !n.At.set() {
		return nil, nil
	}
	out := &NotifySettings{Command: n.Command.V}
	if n.Webhook.Set() {
		const key = "notify.webhook"
		p := &problems{file: c.File}
		text := interpolateHidden(p, key, n.Webhook, getenv)
		if len(p.list) == 0 {
			hook, err := notice.NewWebhook(text)
			if err != nil {
				p.add(n.Webhook.At, key, "%v", err)
			}
			out.Webhook = &hook
		}
		if err := p.err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// interpolateHidden is interpolate for what may be a secret as it is written.
func interpolateHidden(p *problems, key string, v value[string], getenv func(string) (string, bool)) string {
	found := &problems{}
	text := interpolate(found, key, v, getenv)
	for _, one := range found.list {
		p.add(one.At, one.Key, "%s", strings.ReplaceAll(one.Text, quoted(v.V), "it"))
	}
	return text
}

// check looks at what can be judged without the environment.
func (n NotifyConfig) check(p *problems) {
	switch {
	case !n.At.set():
	case !n.Command.Set() && !n.Webhook.Set():
		p.add(n.At, "notify", "tells nobody: give command, webhook, or both")
	case n.Command.Set() && len(n.Command.V) == 0:
		p.add(n.Command.At, "notify.command", "the list is empty: name a program, and its arguments after it")
	}
	if n.Webhook.Set() && !strings.Contains(n.Webhook.V, "${") {
		if _, err := notice.NewWebhook(n.Webhook.V); err != nil {
			p.add(n.Webhook.At, "notify.webhook", "%v", err)
		}
	}
}
