package live

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"drover.dev/internal/engine"
)

// planBudget is how long a planner may think. Tasks wait for it, and a little longer
// for what becomes of its answer.
const planBudget = time.Second

// plan answers the engine's questions for plans until ctx ends: it looks at the
// shadow, thinks without holding anybody up, and hands the plan back as inputs.
func (c *Cell) plan(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.plans:
		}
		if !c.leading.Load() {
			continue
		}
		if err := c.answerPlan(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("a plan was not made; what waits for it goes by the score instead", "error", err)
		}
	}
}

func (c *Cell) answerPlan(ctx context.Context) error {
	var q *engine.Question
	seq, err := c.View(ctx, 0, func(e *engine.Engine) { q = e.Question() })
	if err != nil || q == nil {
		return err
	}
	answer, err := think(q, seq, time.Now().Add(planBudget))
	if err == nil {
		_, _, err = c.Do(ctx, answer)
	}
	if err != nil {
		return fmt.Errorf("plan %d: %w", q.N, err)
	}
	return nil
}

// think answers a question. A fault of the planner must not stop the server.
func think(q *engine.Question, seq uint64, until time.Time) (answer []engine.Input, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the planner panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return q.Answer(seq, func() bool { return time.Now().After(until) }), nil
}
