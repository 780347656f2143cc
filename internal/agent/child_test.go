package agent

const childEnv = "DROVER_TEST_AGENT"

func childAgent() int { return 2 }
