# Starts and stops the workspace's agent: agent.sh start|stop DIRECTORY
set -u
cd "$2" 2>/dev/null || exit 0

is_agent() { # The id may belong to another process by now.
    ps -o args= -p "$1" | grep -q chattool.agent
}

start() {
    export CHATTOOL_AGENT_NAME=main CHATTOOL_WORKSPACE_DIRECTORY="$PWD"
    # It outlives this build, so it must not hold this script's output open.
    nohup "$CHATTOOL_PYTHON" -P -m chattool.agent </dev/null >.agent.log 2>&1 &
    echo "$!" >.agent.pid
}

stop() {
    pid=$(cat .agent.pid 2>/dev/null) || return 0
    is_agent "$pid" && kill "$pid"
    for _ in $(seq 100); do
        is_agent "$pid" || { rm -f .agent.pid; return 0; }
        sleep 0.1
    done
    kill -KILL "$pid"
}

"$1"
