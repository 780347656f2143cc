package client

import "time"

// AskAfter sets after how long a silent server is asked whether it lives.
func (c *Client) AskAfter(d time.Duration) { c.askAfter = d }
