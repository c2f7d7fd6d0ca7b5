// What SGLang 0.5.12 calls its scheduler processes: the ranks, as far as there is more than one of a
// kind (`managers/scheduler.py`, `configure_scheduler`).

extension EngineArguments {
    /// One for each die of this node, in the order of the dies.
    var schedulerTitles: [String] {
        let count = tensorParallel * pipelineParallel / nodeCount
        let stages = max(1, pipelineParallel / nodeCount)
        let tensorPerNode = max(1, count / stages)
        let nodesOfStage = max(1, nodeCount / pipelineParallel)
        let firstStage = nodeRank / nodesOfStage * stages
        let firstTensor = nodeRank % nodesOfStage * tensorPerNode
        return (0..<count).map { index in
            let tensor = firstTensor + index % tensorPerNode
            var ranks: [(String, Int)] = []
            if usesDataParallelAttention {
                ranks.append(("DP", tensor / max(1, tensorParallel / dataParallel)))
            }
            if pipelineParallel > 1 { ranks.append(("PP", firstStage + index / tensorPerNode)) }
            if tensorParallel > 1 { ranks.append(("TP", tensor)) }
            if expertParallel > 1 {
                ranks.append(("EP", tensor / max(1, tensorParallel / expertParallel)))
            }
            return "sglang::scheduler" + ranks.map { "_\($0.0)\($0.1)" }.joined()
        }
    }
}
