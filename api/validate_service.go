package api

import "strings"

func (c *checker) ports(list []Port) {
	c.atMost("ports", len(list), MaxItems)
	list = list[:min(len(list), MaxItems)]
	for i := range list {
		p := &list[i]
		c.enterAt("ports", i)
		c.name("name", p.Name)
		within(c, "port", p.Port, 0, 65535)
		for j := range i {
			if list[j].Name == p.Name && p.Name != "" {
				c.fault("name", "%s is already the name of ports[%d]", quote(p.Name), j)
				break
			}
		}
		for j := range i {
			if list[j].Port == p.Port && p.Port != 0 {
				c.fault("port", "%d is already the port of ports[%d]", p.Port, j)
				break
			}
		}
		c.leave()
	}
}

func (c *checker) checks(t *Task) {
	c.atMost("checks", len(t.Checks), MaxItems)
	for i := range t.Checks[:min(len(t.Checks), MaxItems)] {
		c.enterAt("checks", i)
		c.check(&t.Checks[i], t.Ports)
		c.leave()
	}
}

func (c *checker) check(k *Check, ports []Port) {
	present(c, "type", k.Type, CheckTCP)
	oneOf(c, "type", k.Type, CheckTCP, CheckHTTP, CheckExec)
	switch k.Type {
	case CheckTCP, CheckHTTP:
		c.checkPort(k.Port, ports)
		c.misfit(len(k.Command) > 0, "command", "only an exec check runs a command")
	case CheckExec:
		c.misfit(k.Port != "", "port", "an exec check has no port")
		if len(k.Command) == 0 || k.Command[0] == "" {
			c.fault("command", "is missing; an exec check runs a command")
		}
		c.arguments("command", k.Command)
	}
	if k.Type == CheckHTTP {
		if k.Path != "" && !strings.HasPrefix(k.Path, "/") {
			c.fault("path", "%s does not begin with /", quote(k.Path))
		}
		c.text("path", k.Path, MaxPath)
	} else {
		c.misfit(k.Path != "" && k.Type != "", "path", "only an http check has a path")
	}
	if k.Interval != 0 {
		within(c, "interval", k.Interval, MinInterval, MaxDuration)
	}
	within(c, "timeout", k.Timeout, 0, MaxDuration)
	within(c, "failures", k.Failures, 0, MaxItems)
	within(c, "startAfter", k.StartAfter, 0, MaxDuration)
}

func (c *checker) checkPort(name string, ports []Port) {
	names := make([]string, len(ports))
	for i := range ports {
		if ports[i].Name == name && name != "" {
			return
		}
		names[i] = ports[i].Name
	}
	switch {
	case len(ports) == 0:
		c.fault("port", "needs a port of the task, which has none; add it to ports")
	case name == "":
		c.fault("port", "is missing; the task has %s", shortList(names))
	default:
		c.fault("port", "%s is not a port of the task%s", quote(name), nearestOf(name, names))
	}
}

func (c *checker) restart(t *Task) {
	r := t.Restart
	if r == nil {
		return
	}
	c.enter("restart")
	defer c.leave()
	oneOf(c, "policy", r.Policy, RestartNever, RestartOnFailure, RestartAlways)
	within(c, "attempts", r.Attempts, Unlimited, MaxArray)
	within(c, "backoff", r.Backoff, 0, MaxDuration)
	within(c, "maxBackoff", r.MaxBackoff, 0, MaxDuration)
	if r.MaxBackoff != 0 && r.MaxBackoff < r.Backoff {
		c.fault("maxBackoff", "%v is below backoff, %v", r.MaxBackoff, r.Backoff)
	}
	switch {
	case r.Attempts == 0:
	case t.AtMostOnce:
		c.fault("attempts", "%d contradicts atMostOnce: what failed is not tried again; only what was lost is placed again, after its lease", r.Attempts)
	case r.Policy == RestartNever:
		c.fault("attempts", "%d contradicts the policy %s", r.Attempts, RestartNever)
	}
}
